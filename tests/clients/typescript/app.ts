// An app that leans on the generated types: what it may say, and what it may not.
import type { Client } from '@urql/core';
import { FeedDocument, RefusalDocument } from './operations';
import type { Money, TipPostInput, Wallet } from './schema';

export async function newest(client: Client): Promise<string[]> {
  const { data } = await client.query(FeedDocument, { kind: 'LATEST', first: 10 });
  return (data?.feed.nodes ?? []).map((post) => `${post.author.displayName}: ${post.tipTotal.formatted}`);
}

export async function shortfall(client: Client, input: TipPostInput): Promise<string | null> {
  const { data } = await client.mutation(RefusalDocument, { input });
  for (const error of data?.tipPost.userErrors ?? []) {
    if ('shortfall' in error) return error.shortfall.formatted;
  }
  return null;
}

// What has a default need not be said.
export const tip: TipPostInput = { postId: 'post_1', amount: { amount: '2.50' }, idempotencyKey: 'first' };

// Money is text, because a number is not exact; and a balance is always there.
export const exact: string = ({} as Money).minorUnits;
export const available: Money = ({} as Wallet).balance.available;

// @ts-expect-error Money never moves without a key.
export const keyless: TipPostInput = { postId: 'post_1', amount: { amount: '2.50' } };

// @ts-expect-error There is no such currency.
export const unknown: TipPostInput = { ...tip, amount: { amount: '2.50', currency: 'XYZ' } };

export async function unselected(client: Client): Promise<unknown> {
  const { data } = await client.query(FeedDocument, { kind: 'LATEST' });
  // @ts-expect-error The document does not ask for it.
  return data?.feed.nodes[0]?.repostCount;
}
