import type { Config } from './config';

/** A worked example: an operation with its variables, as they stand in web/examples/. */
export interface Example {
  /** The name of its operation, which its tab carries too. */
  name: string;
  /** What it shows: the comment that it begins with. */
  about: string;
  query: string;
  variables: string;
}

const queries = import.meta.glob<string>('../examples/*.graphql', { query: '?raw', import: 'default', eager: true });
const variables = import.meta.glob<string>('../examples/*.variables.json', { query: '?raw', import: 'default', eager: true });

/** The examples in the order of their numbers, with keys that nobody has used yet. */
export function loadExamples(config: Config): Example[] {
  return Object.entries(queries)
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([path, query]) => ({
      name: /^(?:query|mutation) (\w+)/m.exec(query)?.[1] ?? path,
      about: openingComment(query),
      query: query.trim(),
      variables: fillIn(variables[path.replace('.graphql', '.variables.json')] ?? '{}', config),
    }));
}

function openingComment(query: string): string {
  const comment = /^(?:#.*\n)*/.exec(query)?.[0] ?? '';
  return comment.replaceAll(/^# ?/gm, '').replaceAll('\n', ' ').trim();
}

/** Puts real values where a file of variables says "$fresh" (a new idempotency key) or "$demoPost". */
function fillIn(json: string, config: Config): string {
  return json
    .replaceAll('"$fresh"', JSON.stringify(newKey()))
    .replaceAll('"$demoPost"', JSON.stringify(config.examplePostId ?? 'post_…'))
    .trim();
}

/** 128 random bits. crypto.randomUUID would do, but is missing where the page came by plain HTTP from another machine. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
