const OURS = 'hatful:';
const HISTORY = ['graphiql:queries', 'graphiql:favorites'];

/**
 * The browser's storage, as GraphiQL sees it.
 *
 * Names are our own: GraphiQL's usual ones are shared by all that was ever served on this port, and
 * the tabs of something else would hide our examples. The history is kept without its headers, where
 * the tokens are, and read back with the headers of this visit.
 */
export function openStorage(headers: string | undefined): Storage {
  return {
    getItem(name) {
      const value = localStorage.getItem(OURS + name);
      return value && HISTORY.includes(name) ? withHeaders(value, headers) : value;
    },
    setItem(name, value) {
      localStorage.setItem(OURS + name, HISTORY.includes(name) ? withHeaders(value, undefined) : value);
    },
    removeItem: (name) => localStorage.removeItem(OURS + name),
    key: (index) => ourNames()[index] ?? null,
    clear: () => ourNames().forEach((name) => localStorage.removeItem(OURS + name)),
    get length() {
      return ourNames().length;
    },
  };
}

/** Whether tabs of an earlier visit are kept here. */
export function hasTabs(storage: Storage): boolean {
  return storage.getItem('graphiql:tabState') !== null;
}

/** A list of what was run, each with these headers. Operations and variables are texts in it, so no other key is met. */
function withHeaders(history: string, headers: string | undefined): string {
  return JSON.stringify(
    JSON.parse(history, (_, value: unknown) =>
      typeof value === 'object' && value !== null && 'query' in value ? { ...value, headers } : value,
    ),
  );
}

function ourNames(): string[] {
  return Object.keys(localStorage)
    .filter((name) => name.startsWith(OURS))
    .map((name) => name.slice(OURS.length));
}
