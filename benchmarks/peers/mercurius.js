// Mercurius with jit: `loaders` gathers each field of all posts with a loader, `joined` takes all from one statement.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { batches, joinedResolvers, mode, port, resolvers, signIn, typeDefs } from './shared.js'

const loader = (batch, key) => ({
  loader: (queries, { viewer }) => batch(queries.map(({ obj }) => obj[key]), viewer),
  opts: { cache: false },
})
const loaders = {
  Post: {
    author: loader(batches.authors, 'authorKey'),
    tipTotal: loader(batches.tipTotals, 'key'),
    viewerHasLiked: loader(batches.liked, 'key'),
    viewerHasReposted: loader(batches.reposted, 'key'),
  },
}

const server = Fastify()
await server.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  context: async (request) => ({ viewer: await signIn(request.headers) }),
  ...(mode === 'joined' ? { resolvers: joinedResolvers } : { resolvers, loaders }),
})
await server.listen({ host: '127.0.0.1', port: Number(port) })
