// What the caches have in common: the documents, and the way to the server.
import { buildSchema, introspectionFromSchema, parse } from 'graphql';
import { readFileSync } from 'node:fs';

const [url, token, postId] = process.argv.slice(2);
const balance = `
  fragment Funds on Wallet { id balance { available { amount } version } }
  fragment Earned on Post { id tipTotal { amount } }
`;

export const page = parse(`
  query Page($postId: ID!) { viewer { wallet { ...Funds } } post(id: $postId) { ...Earned } } ${balance}
`);
export const pageVariables = { postId };

export const tip = parse(`
  mutation Tip($input: TipPostInput!) {
    tipPost(input: $input) {
      wallet { ...Funds }
      post { ...Earned }
      userErrors { ... on UserError { code message } }
    }
  } ${balance}
`);
export const tipVariables = {
  input: { postId, amount: { amount: '2.50', currency: 'USD' }, idempotencyKey: crypto.randomUUID() },
};

const sdl = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
export const introspection = introspectionFromSchema(buildSchema(sdl));

/** The names of the operations that were sent, in their order. */
export const sent = [];
export const endpoint = `${url}/graphql`;

export function signedIn(address, options) {
  const body = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(address).searchParams);
  sent.push(body.operationName);
  const headers = new Headers(options.headers);
  headers.set('authorization', `Bearer ${token}`);
  return fetch(address, { ...options, headers });
}

const warnings = [];
console.warn = console.error = (...words) => warnings.push(words.join(' '));

/** What somebody looks at who has the page open. */
export function seen({ viewer, post }) {
  return { balance: viewer.wallet.balance.available.amount, earned: post.tipTotal.amount };
}

/** Waits until the page that is open has said more than it has so far; after a minute it never will. */
export async function change(pages, count) {
  for (let tries = 0; pages.length <= count && tries < 6000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function report(pages, payload) {
  console.log(JSON.stringify({ before: pages[0], after: pages.at(-1), errors: payload.userErrors, sent, warnings }));
  process.exit();
}
