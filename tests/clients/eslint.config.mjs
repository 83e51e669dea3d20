// The rules of graphql-eslint for schema/schema.graphql: all there are but those that say why not.
import graphql from '@graphql-eslint/eslint-plugin';

const rules = { ...graphql.configs['flat/schema-all'].rules, ...graphql.configs['flat/schema-relay'].rules };

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: 'schema/schema.graphql' } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules,
  },
];
