// What the Node servers have in common: the part of Hatful's schema that is asked for, the database, and who is signed in.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import postgres from 'postgres'

export const [port, database, statementsFile, mode] = process.argv.slice(2)
export const statements = JSON.parse(readFileSync(statementsFile, 'utf8'))

const url = new URL(database.replace('@/', '@localhost/'))
const sql = postgres({
  host: url.searchParams.get('host'),
  database: url.pathname.slice(1),
  username: url.username,
  max: 8,
})

/** The rows of a statement, which the connection prepares once. */
export const rows = (statement, values) => sql.unsafe(statement, values, { prepare: true })

export const sha256 = (text) => createHash('sha256').update(text).digest()

/** Who asks: the id of the token's owner, or null. */
export async function signIn(headers) {
  const [scheme, token] = (headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !token) return null
  const [row] = await rows(statements.signIn, [sha256(token)])
  return row?.user_id ?? null
}

export const typeDefs = `
  scalar BigInt
  scalar DateTime
  scalar Decimal
  enum FeedKind { FOLLOWING LATEST }
  enum CurrencyCode { USD EUR GBP JPY CNY }
  type Query { feed(kind: FeedKind! = LATEST, first: Int): PostConnection! viewer: Viewer }
  type PostConnection { nodes: [Post!]! }
  type Post {
    id: ID! text: String! createdAt: DateTime! author: User! likeCount: Int! replyCount: Int! repostCount: Int!
    tipTotal: Money! viewerHasLiked: Boolean! viewerHasReposted: Boolean!
  }
  type User { id: ID! handle: String! displayName: String! }
  type Money { minorUnits: BigInt! }
  type Viewer { user: User! wallet: Wallet! }
  type Wallet { balance: Balance! }
  type Balance { available: Money! }
  input MoneyInput { amount: Decimal! currency: CurrencyCode! = USD }
  input TipPostInput { postId: ID! amount: MoneyInput! idempotencyKey: String! }
  interface UserError { message: String! }
  type InputError implements UserError { message: String! }
  type TipPostPayload { wallet: Wallet userErrors: [UserError!]! }
  type Mutation { tipPost(input: TipPostInput!): TipPostPayload! }
`

const publicId = (kind, id) => `${kind}_${id.replaceAll('-', '')}`
const wallet = (minorUnits) => ({ balance: { available: { minorUnits } } })
const user = (row) => ({ id: publicId('user', row.id), handle: row.handle, displayName: row.display_name })

const post = (row) => ({
  key: row.id,
  authorKey: row.author_id,
  id: publicId('post', row.id),
  text: row.text,
  createdAt: row.created_at.toISOString(),
  likeCount: Number(row.like_count),
  replyCount: Number(row.reply_count),
  repostCount: Number(row.repost_count),
})

/** A function for each field that is gathered: of the posts or ids of one level, and the viewer. */
export const batches = {
  async authors(ids) {
    const found = await rows(statements.authors, [[...new Set(ids)]])
    const byId = new Map(found.map((row) => [row.id, user(row)]))
    return ids.map((id) => byId.get(id))
  },
  async tipTotals(ids) {
    const found = await rows(statements.tipTotals, [ids])
    const byId = new Map(found.map((row) => [row.post_id, row.total]))
    return ids.map((id) => ({ minorUnits: byId.get(id) ?? '0' }))
  },
  liked: (ids, viewer) => marked(statements.liked, ids, viewer),
  reposted: (ids, viewer) => marked(statements.reposted, ids, viewer),
}

async function marked(statement, ids, viewer) {
  const found = new Set((await rows(statement, [viewer, ids])).map((row) => row.post_id))
  return ids.map((id) => found.has(id))
}

export const resolvers = {
  Query: {
    feed: async (_, __, { viewer }) => ({ nodes: (await rows(statements.page, [viewer])).map(post) }),
    viewer: (_, __, { viewer }) => (viewer ? {} : null),
  },
  Viewer: {
    async user(_, __, { viewer }) {
      const [row] = await rows(statements.handle, [viewer])
      return { id: publicId('user', viewer), handle: row.handle }
    },
    async wallet(_, __, { viewer }) {
      const [row] = await rows(statements.balance, [viewer])
      return wallet(row.available)
    },
  },
  UserError: { __resolveType: () => 'InputError', resolveType: () => 'InputError' },
  Mutation: {
    async tipPost(_, { input }, { viewer }) {
      const cents = Math.round(Number(input.amount.amount) * 100)
      const hash = sha256(JSON.stringify(input))
      const given = [viewer, input.postId.slice('post_'.length), cents, input.idempotencyKey, hash]
      const [row] = await rows(statements.tip, given)
      if (!row) return { wallet: null, userErrors: [{ message: 'This cannot be tipped.' }] }
      return { wallet: wallet(row.available), userErrors: [] }
    },
  },
}

/** The same with all of a timeline in one statement. */
export const joinedResolvers = {
  ...resolvers,
  Query: {
    async feed(_, __, context) {
      context.timeline = rows(statements.timeline, [context.viewer])
      const found = await context.timeline
      return {
        nodes: found.map((row) => ({
          ...post(row),
          author: user({ id: row.author_id, handle: row.handle, display_name: row.display_name }),
          tipTotal: { minorUnits: row.tip_total },
          viewerHasLiked: row.liked,
          viewerHasReposted: row.reposted,
        })),
      }
    },
    viewer: (_, __, { viewer }) => (viewer ? {} : null),
  },
  Viewer: {
    ...resolvers.Viewer,
    // The one statement brings the balance too, and the feed is asked for first.
    async wallet(parent, args, context) {
      const found = await context.timeline
      return found?.length ? wallet(found[0].available) : resolvers.Viewer.wallet(parent, args, context)
    },
  },
}
