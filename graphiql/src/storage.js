// Where GraphiQL keeps tabs, history and sizes: this browser, apart for each person who logs in here.

const HISTORY_KEYS = ['graphiql:queries', 'graphiql:favorites'];

/** A Storage for GraphiQL that holds only what belongs to the viewer with this id. */
export function storageOf(viewerId) {
  const prefix = `kith:${viewerId}:`;
  const ownKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  return {
    get length() {
      return ownKeys().length;
    },
    getItem: (key) => localStorage.getItem(prefix + key),
    setItem: (key, value) => localStorage.setItem(prefix + key, withoutHeaders(key, value)),
    removeItem: (key) => localStorage.removeItem(prefix + key),
    clear: () => ownKeys().forEach((key) => localStorage.removeItem(key)),
  };
}

/** GraphiQL's history would write request headers, and so credentials, to disk. */
function withoutHeaders(key, value) {
  if (!HISTORY_KEYS.includes(key)) return value;
  return JSON.stringify(JSON.parse(value), (name, held) => (name === 'headers' ? undefined : held));
}
