import { type GraphiQLPlugin, pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import type { Config } from './config';
import { loadExamples } from './examples';
import { HatIcon } from './Hat';

/** The worked examples in the side bar, for whoever closed or changed the tabs that they opened in. */
export function examplesPlugin(config: Config): GraphiQLPlugin {
  return {
    title: 'Examples',
    icon: HatIcon,
    content: () => <Examples config={config} />,
  };
}

function Examples({ config }: { config: Config }) {
  const { addTab } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(pick('queryEditor', 'variableEditor'));

  function open(name: string) {
    const example = loadExamples(config).find((one) => one.name === name);
    addTab();
    queryEditor?.setValue(example?.query ?? '');
    variableEditor?.setValue(example?.variables ?? '');
  }

  return (
    <section aria-label="Examples">
      <div className="hatful-examples-title">Examples</div>
      <p>Each opens in a new tab, with a new idempotency key.</p>
      <ul className="hatful-examples">
        {loadExamples(config).map((example) => (
          <li key={example.name}>
            <button type="button" onClick={() => open(example.name)}>
              <strong>{example.name}</strong>
              <span>{example.about}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
