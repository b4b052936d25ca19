// How GraphiQL reaches the API: HTTP for queries and mutations, graphql-transport-ws for subscriptions.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { getOperationAST } from 'graphql';
import { createClient } from 'graphql-ws';
import { beginRun } from './runs.js';
import { connectionParams, credentials, endpoint, identityHeaders, isUnauthenticated } from './session.js';

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9, multipart/mixed;q=0.8';
const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;

const UNRECORDED = { answered() {}, received() {}, result() {}, connected() {}, ended() {} };

/** A GraphiQL fetcher that records each run; calls `onDoubt` when the API seems not to know the caller. */
export function createTransport(onDoubt) {
  return (params, options) => {
    const asked = { params, options, onDoubt };
    if (params.operationName === 'IntrospectionQuery') return start(asked, UNRECORDED).results;
    const run = beginRun({ live: isSubscription(options?.documentAST, params.operationName) });
    return observe(start(asked, run), run, onDoubt);
  };
}

function isSubscription(document, operationName) {
  return Boolean(document) && getOperationAST(document, operationName)?.operation === 'subscription';
}

/** One fetcher per run, so that stopping a run ends its request or socket and nothing else. */
function start({ params, options, onDoubt }, run) {
  const abort = new AbortController();
  const fetcher = createGraphiQLFetcher({
    url: endpoint.href,
    headers: { accept: ACCEPT, ...identityHeaders() },
    fetch: (url, init) => measuredFetch(url, { ...init, signal: abort.signal }, run),
    wsClient: createSocket(run, onDoubt),
  });
  return { results: fetcher(params, options), stop: () => abort.abort() };
}

async function measuredFetch(url, init, run) {
  const response = await fetch(url, { ...init, credentials: credentials() }).catch(explainNoAnswer);
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

/** Connects with the first subscription only and closes with the last. */
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
  const iterator = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      try {
        const step = await source.next();
        if (step.done) run.ended('done');
        else note(step.value, run, onDoubt);
        return step;
      } catch (error) {
        if (stopped) return { done: true, value: undefined };
        run.ended('failed');
        throw withoutStack(error);
      }
    },
    async return() {
      stopped = true;
      run.ended('stopped');
      stop();
      source.return();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}

/** GraphiQL would print the stack, which tells an analyst nothing. */
function withoutStack(error) {
  if (error instanceof Error) error.stack = undefined;
  return error;
}

/** An incremental answer (@defer) is a list of parts. */
function note(result, run, onDoubt) {
  const parts = [result].flat();
  run.result(parts);
  if (parts.some((part) => isUnauthenticated(part.errors))) onDoubt();
}
