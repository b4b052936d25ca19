// The file at hand: it goes along where an operation's variables hold its name, by the multipart request specification.
// https://github.com/jaydenseric/graphql-multipart-request-spec

const listeners = new Set();
let attached = null;

export function attach(file) {
  attached = file;
  listeners.forEach((listener) => listener());
}

export function attachedFile() {
  return attached;
}

export function subscribeToAttachment(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The request as it is, or with the file if its variables name it. */
export function withFile(init) {
  const operation = JSON.parse(init.body);
  const paths = attached ? emptied(operation.variables, 'variables') : [];
  if (!paths.length) return init;
  const body = new FormData();
  body.append('operations', JSON.stringify(operation));
  body.append('map', JSON.stringify({ 0: paths }));
  body.append('0', attached);
  return { ...init, body, headers: withoutContentType(init.headers) };
}

/** The paths at which the file is named; null stands there afterwards, as the specification wants. */
function emptied(holder, path) {
  return Object.entries(holder ?? {}).flatMap(([key, value]) => {
    if (typeof value === 'object') return emptied(value, `${path}.${key}`);
    if (value !== attached.name) return [];
    holder[key] = null;
    return [`${path}.${key}`];
  });
}

/** The browser writes it, with the boundary of the parts. */
function withoutContentType(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-type'));
}
