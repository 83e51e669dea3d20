// Apollo Server on Fastify, with a DataLoader for each field of a post.
import { ApolloServer } from '@apollo/server'
import { fastifyApolloHandler } from '@as-integrations/fastify'
import DataLoader from 'dataloader'
import Fastify from 'fastify'
import { batches, port, resolvers, signIn, typeDefs } from './shared.js'

const apollo = new ApolloServer({
  typeDefs,
  resolvers: {
    ...resolvers,
    UserError: { __resolveType: () => 'InputError' },
    Post: {
      author: (post, _, { loaders }) => loaders.authors.load(post.authorKey),
      tipTotal: (post, _, { loaders }) => loaders.tipTotals.load(post.key),
      viewerHasLiked: (post, _, { loaders }) => loaders.liked.load(post.key),
      viewerHasReposted: (post, _, { loaders }) => loaders.reposted.load(post.key),
    },
  },
  introspection: false,
})
await apollo.start()

const context = async (request) => {
  const viewer = await signIn(request.headers)
  const loader = ([name, batch]) => [name, new DataLoader((keys) => batch(keys, viewer))]
  return { viewer, loaders: Object.fromEntries(Object.entries(batches).map(loader)) }
}

const server = Fastify()
server.route({ url: '/graphql', method: ['GET', 'POST'], handler: fastifyApolloHandler(apollo, { context }) })
await server.listen({ host: '127.0.0.1', port: Number(port) })
