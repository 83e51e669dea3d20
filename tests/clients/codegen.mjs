// Writes TypeScript for a schema and for the documents in a folder, as graphql-codegen does for an app.
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as typescript from '@graphql-codegen/typescript';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [schema, documents, app] = process.argv.slice(2);

const config = {
  strictScalars: true,
  scalars: {
    BigInt: 'string',
    DateTime: 'string',
    Decimal: { input: 'string | number', output: 'string' },
    JSONObject: 'object',
    URL: 'string',
  },
  enumsAsTypes: true,
};

await write('schema.ts', { typescript });
await write('operations.ts', { typescriptOperations, typedDocumentNode });

async function write(filename, pluginMap) {
  const plugins = Object.keys(pluginMap).map((name) => ({ [name]: {} }));
  const given = { schema: read(schema), documents: all(documents), config, plugins, pluginMap };
  writeFileSync(join(app, filename), await codegen({ filename, ...given }));
}

function all(folder) {
  return readdirSync(folder).map((name) => ({ location: name, document: read(join(folder, name)) }));
}

function read(path) {
  return parse(readFileSync(path, 'utf8'));
}
