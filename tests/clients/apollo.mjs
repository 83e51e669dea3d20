// A page stays open in Apollo Client, with its normalised cache, while a post on it is tipped.
import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client';
import { change, endpoint, introspection, page, pageVariables, report, seen, signedIn, tip, tipVariables } from './wallet.mjs';

const abstract = introspection.__schema.types.filter((type) => type.possibleTypes);
const possibleTypes = Object.fromEntries(
  abstract.map((type) => [type.name, type.possibleTypes.map((possible) => possible.name)]),
);

const client = new ApolloClient({
  link: new HttpLink({ uri: endpoint, fetch: signedIn }),
  cache: new InMemoryCache({ possibleTypes }),
});

const pages = [];
client.watchQuery({ query: page, variables: pageVariables }).subscribe(({ data, dataState, error }) => {
  if (error) throw error;
  if (dataState === 'complete') pages.push(seen(data));
});
await change(pages, 0);

const { data } = await client.mutate({ mutation: tip, variables: tipVariables });
await change(pages, 1);
report(pages, data.tipPost);
