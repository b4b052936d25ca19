// Who is asking: the log-in of this browser (a cookie the page cannot read) or a pasted API token.
import logInDocument from './operations/log-in.graphql?raw';
import logOutDocument from './operations/log-out.graphql?raw';
import viewerDocument from './operations/viewer.graphql?raw';

const TOKEN_KEY = 'kith:api-token';

/** The API beside this page: /graphiql/ asks /graphql, under whatever prefix both are served. */
export const endpoint = new URL('../graphql', document.baseURI);

/** A sentence for the person at the page; anything else that is thrown is a bug. */
export class Refusal extends Error {}

export function apiToken() {
  return sessionStorage.getItem(TOKEN_KEY);
}

/** Headers every request carries. A page elsewhere cannot set X-Kith-Client, so cookie requests need it. */
export function identityHeaders() {
  const token = apiToken();
  const client = { 'X-Kith-Client': 'graphiql', 'X-Kith-Cost': '1' };
  return token ? { ...client, Authorization: `Bearer ${token}` } : client;
}

/** With a token the cookie stays home: one request, one identity. */
export function credentials() {
  return apiToken() ? 'omit' : 'same-origin';
}

/** The payload of connection_init; a cookie needs none, it travels with the handshake. */
export function connectionParams() {
  const token = apiToken();
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** The viewer, or null when nobody is logged in. Refuses with a sentence when the API cannot be asked. */
export async function currentViewer() {
  const { data, errors } = await ask(viewerDocument);
  if (data?.viewer) return data.viewer;
  if (errors && !isUnauthenticated(errors)) throw new Refusal(errors[0].message);
  return null;
}

export async function logIn(email, password) {
  const { data, errors } = await ask(logInDocument, { input: { email, password, transport: 'COOKIE' } });
  const refused = errors?.[0] ?? data?.logIn?.errors?.[0];
  if (refused) throw new Refusal(refused.message);
  return data.logIn.viewer;
}

export async function logInWithToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
  try {
    const viewer = await currentViewer();
    if (!viewer) throw new Refusal('This token is not known, has expired or was revoked.');
    return viewer;
  } catch (error) {
    sessionStorage.removeItem(TOKEN_KEY);
    throw error;
  }
}

/** Ends the cookie's log-in, or forgets the token (which stays valid for the scripts that use it). */
export async function logOut() {
  if (apiToken()) return sessionStorage.removeItem(TOKEN_KEY);
  const { data, errors } = await ask(logOutDocument);
  const refused = errors?.[0] ?? data?.logOut?.errors?.[0];
  if (refused && !isUnauthenticated(errors)) throw new Refusal(refused.message);
}

export function isUnauthenticated(errors) {
  return Boolean(errors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED'));
}

/** The log-in of the demo data, when a development server offers it in a meta tag. */
export function demoLogIn() {
  const offered = document.querySelector('meta[name="kith-demo"]')?.content;
  if (!offered) return null;
  try {
    const { email, password } = JSON.parse(offered);
    return { email, password };
  } catch {
    return null;
  }
}

async function ask(query, variables) {
  const response = await send(JSON.stringify({ query, variables }));
  const result = await response.json().catch(() => null);
  if (result) return result;
  throw new Refusal(`The API answered ${response.status} ${response.statusText} instead of JSON.`);
}

async function send(body) {
  const headers = {
    ...identityHeaders(),
    'Content-Type': 'application/json',
    Accept: 'application/graphql-response+json, application/json;q=0.9',
  };
  try {
    return await fetch(endpoint, { method: 'POST', credentials: credentials(), headers, body });
  } catch {
    throw new Refusal('The API cannot be reached. Is it running?');
  }
}
