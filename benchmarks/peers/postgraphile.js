// PostGraphile 5: the schema is made from the tables, and from the functions of functions.sql.
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { postgraphile } from 'postgraphile'
import { grafserv } from 'postgraphile/grafserv/node'
import { makePgService } from 'postgraphile/adaptors/pg'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const [port, database, statementsFile] = process.argv.slice(2)
const statements = JSON.parse(readFileSync(statementsFile, 'utf8'))
const pool = new pg.Pool({ connectionString: database, max: 8 })

async function signIn(headers) {
  const [scheme, token] = (headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !token) return ''
  const hash = createHash('sha256').update(token).digest()
  const { rows } = await pool.query({ name: 'sign-in', text: statements.signIn, values: [hash] })
  return rows[0]?.user_id ?? ''
}

pool.on('error', () => {}) // connections that the end of a run closes
await pool.query(statements.functions)
const server = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ pool, schemas: ['public'] })],
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
  grafast: {
    explain: false,
    context: async ({ node }) => ({ pgSettings: { 'hatful.viewer': await signIn(node.req.headers) } }),
  },
})
const http = createServer()
await server.createServ(grafserv).addTo(http)
http.listen(Number(port), '127.0.0.1')
