// graphql-eslint's rules for Relay, on the contract.
import graphql from '@graphql-eslint/eslint-plugin';

const edges = {
  withEdgeSuffix: true,
  shouldImplementNode: true,
  // Connections offer `nodes` beside `edges`, and what is short and belongs to its record (tags, invoice lines, errors)
  // is a plain list: there is nothing to page through.
  listTypeCanWrapOnlyEdgeType: false,
};

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: 'schema.graphql' } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/relay-edge-types': ['error', edges],
    },
  },
];
