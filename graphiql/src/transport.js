// How GraphiQL reaches the API: HTTP for queries and mutations, graphql-transport-ws for subscriptions.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { withFile } from './attachment.js';
import { beginRun } from './runs.js';
import { connectionParams, credentials, endpoint, identityHeaders, isUnauthenticated } from './session.js';

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9, multipart/mixed;q=0.8';
const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;

const END = { done: true, value: undefined };
const UNRECORDED = { answered() {}, received() {}, result() {}, connected() {}, ended() {} };

/** A GraphiQL fetcher that records each run; calls `onDoubt` when the API seems not to know the caller. */
export function createTransport(onDoubt) {
  return (params, options) => {
    if (params.operationName === 'IntrospectionQuery') return introspect(params, options);
    const operation = operationOf(params);
    const asked = { ...params, operationName: operation?.name?.value };
    const live = operation?.operation === 'subscription';
    const run = beginRun({ live });
    const started = live ? subscribe(asked, run, onDoubt) : request(asked, options, run);
    return observe(started, run, onDoubt);
  };
}

/** By name, since the documentation lists the types as they come. */
async function introspect(params, options) {
  const answer = await request(params, options, UNRECORDED).results;
  answer.data?.__schema.types.sort((one, other) => (one.name < other.name ? -1 : 1));
  return answer;
}

/**
 * The operation to run, if the text can be read. GraphiQL looks at a new text a moment after it is there: whoever runs
 * it at once would be given the name, and the kind, of the operation before.
 */
function operationOf({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document);
  } catch {
    return null;
  }
}

/** One fetcher per run, so that stopping a run ends its request and nothing else. */
function request(params, options, run) {
  const abort = new AbortController();
  const fetcher = createGraphiQLFetcher({
    url: endpoint.href,
    headers: { accept: ACCEPT, ...identityHeaders() },
    fetch: (url, init) => measuredFetch(url, { ...init, signal: abort.signal }, run),
  });
  return { results: fetcher(params, options), stop: () => abort.abort() };
}

/** Not by GraphiQL's fetcher, whose iterator leaves a rejected promise behind when the API refuses. */
function subscribe(params, run, onDoubt) {
  return { results: createSocket(run, onDoubt).iterate(params), stop() {} };
}

async function measuredFetch(url, init, run) {
  const response = await fetch(url, { ...withFile(init), credentials: credentials() }).catch(explainNoAnswer);
  run.answered(response.status, response.statusText);
  if (!isGraphQL(response)) throw new Error(`The API answered ${response.status}, but not with GraphQL.`);
  const counter = new TransformStream({
    transform(chunk, controller) {
      run.received(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counter), response);
}

function explainNoAnswer(error) {
  if (error.name === 'AbortError') throw error;
  throw new Error('The API cannot be reached. Is it running?');
}

function isGraphQL(response) {
  const type = response.headers.get('content-type') ?? '';
  return response.body !== null && /json|multipart\/mixed/.test(type);
}

/** A socket of one run's own: it connects with the subscription and closes with it. */
function createSocket(run, onDoubt) {
  const refused = ({ code }) => code === UNAUTHORIZED || code === FORBIDDEN;
  return createClient({
    url: socketAddress(),
    connectionParams,
    shouldRetry: (event) => !refused(event),
    on: {
      connected: () => run.connected(true),
      message: (message) => run.received(new Blob([JSON.stringify(message)]).size),
      closed(event) {
        run.connected(false);
        if (refused(event)) onDoubt();
      },
    },
  });
}

function socketAddress() {
  const address = new URL(endpoint);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
}

/**
 * Hands results on as they come and notes them in the run.
 * A plain iterator, not a generator: its `return` must work while `next` still waits for the network.
 */
async function observe({ results, stop }, run, onDoubt) {
  const source = (await results)[Symbol.asyncIterator]();
  let stopped = false;
  const handOn = (value) => {
    note(value, run, onDoubt);
    return { done: false, value };
  };
  const iterator = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      try {
        const step = await source.next();
        if (!step.done) return handOn(step.value);
        run.ended('done');
      } catch (error) {
        if (stopped) return END;
        run.ended('failed');
        if (!Array.isArray(error)) throw readable(error);
        return handOn({ errors: error });
      }
      return END;
    },
    async return() {
      stopped = true;
      run.ended('stopped');
      stop();
      source.return();
      return END;
    },
  };
  return iterator;
}

/** GraphiQL would print an error's stack, which tells an analyst nothing, and of a closed socket nothing at all. */
function readable(error) {
  if (error instanceof CloseEvent) return readable(new Error(`The socket was closed: ${error.reason || error.code}.`));
  if (error instanceof Error) error.stack = undefined;
  return error;
}

/** An incremental answer (@defer) is a list of parts. */
function note(result, run, onDoubt) {
  const parts = [result].flat();
  run.result(parts);
  if (parts.some((part) => isUnauthenticated(part.errors))) onDoubt();
}
