import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './style.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { type Config, loadConfig } from './config';
import { loadExamples } from './examples';
import { examplesPlugin } from './ExamplesPlugin';
import { Brand } from './Hat';
import { hasTabs, openStorage } from './storage';

function editor(config: Config) {
  const examples = loadExamples(config);
  const headers = authorization(config);
  const storage = openStorage(headers);
  // Only the first visit opens the examples: whoever comes back finds the tabs as they were left.
  const opening = hasTabs(storage) ? {} : { defaultTabs: examples, initialVariables: examples[0]?.variables };
  return (
    <GraphiQL
      {...opening}
      fetcher={createGraphiQLFetcher({ url: config.endpoint, enableIncrementalDelivery: false })}
      // Headers are not kept: each visit brings the token anew.
      defaultHeaders={headers}
      plugins={[examplesPlugin(config), explorerPlugin(), HISTORY_PLUGIN]}
      inputValueDeprecation
      schemaDescription
      storage={storage}
    >
      <GraphiQL.Logo>
        <Brand handle={config.viewer?.handle} />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

function authorization({ viewer }: Config): string | undefined {
  return viewer ? JSON.stringify({ Authorization: `Bearer ${viewer.token}` }, null, 2) : undefined;
}

createRoot(document.getElementById('root')!).render(editor(await loadConfig()));
