// A page stays open in urql, with its normalised cache, while a post on it is tipped.
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { change, endpoint, introspection, page, pageVariables, report, seen, signedIn, tip, tipVariables } from './wallet.mjs';

// These have no id: they belong to what they stand in.
const embedded = () => null;
const keys = { Balance: embedded, Money: embedded, Viewer: embedded };

const client = new Client({
  url: endpoint,
  fetch: signedIn,
  exchanges: [cacheExchange({ schema: introspection, keys }), fetchExchange],
});

const pages = [];
client.query(page, pageVariables).subscribe(({ data, error }) => {
  if (error) throw error;
  pages.push(seen(data));
});
await change(pages, 0);

const { data, error } = await client.mutation(tip, tipVariables).toPromise();
if (error) throw error;
await change(pages, 1);
report(pages, data.tipPost);
