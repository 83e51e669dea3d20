// The rules for schema/schema.graphql: all that graphql-eslint has for a schema, but for what stands here with its reason.
import graphql from '@graphql-eslint/eslint-plugin';

const everyRule = { ...graphql.configs['flat/schema-all'].rules, ...graphql.configs['flat/schema-relay'].rules };

const ours = {
  // graphql-core sorts what it prints, in an order of its own.
  '@graphql-eslint/alphabetize': 'off',
  // It forbids mutations, and subscriptions.
  '@graphql-eslint/no-root-type': 'off',
  // `Refund.refundOf` is what a refund is of. The rule knows no exceptions.
  '@graphql-eslint/no-typename-prefix': 'off',
  // An expected failure comes as data, in `userErrors`; a field that cannot fail otherwise need not be null.
  '@graphql-eslint/require-nullable-result-in-root': 'off',
  // A list that only goes forward takes `first` and `after`.
  '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
  // What is short and whole is a plain list, such as a token's scopes; and pages have `nodes` besides their edges.
  '@graphql-eslint/relay-edge-types': [
    'error',
    { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
  ],
  // What has no id is a value, and belongs to what it stands in: a client's cache keeps it there.
  '@graphql-eslint/strict-id-in-types': [
    'error',
    {
      exceptions: {
        suffixes: ['Connection', 'Earnings', 'Edge', 'Error', 'Payload'],
        types: ['Balance', 'EarningsDay', 'Limit', 'Money', 'PageInfo', 'Statement', 'TipPreview', 'Viewer'],
      },
    },
  ],
};

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: 'schema/schema.graphql' } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: { ...everyRule, ...ours },
  },
];
