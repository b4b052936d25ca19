// graphql-transport-ws by graphql-ws: what happens on one socket, who may open it, and how a lost one is gone on with.
// usage: node sockets.mjs URL TOKEN CUSTOMER_ID OTHER_ID TAGGED_ID   Prints what each case came to; wants one change of
// the customer.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, id, otherId, taggedId] = process.argv.slice(2);
const identity = { authorization: `Bearer ${token}` };
const CHANGES = 'subscription Changes($id: ID!) { customerChanged(id: $id) { action customer { name } } }';

/** A client with one socket for all its operations; `opened` counts how many it came to need. */
function connected(options = {}) {
  const count = { opened: 0 };
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: identity,
    lazyCloseTimeout: 300,
    on: { opened: () => (count.opened += 1) },
    ...options,
  });
  return { client, count };
}

/** All results of an operation, and how it ended. */
function run(client, query, variables) {
  return new Promise((resolve) => {
    const results = [];
    client.subscribe(
      { query, variables },
      {
        next: (result) => results.push(result.data),
        error: (error) => resolve({ results, error: codes(error) }),
        complete: () => resolve({ results, error: null }),
      },
    );
  });
}

const codes = (error) => (Array.isArray(error) ? error.map(({ extensions }) => extensions.code) : error.code);

async function oneSocket() {
  const { client, count } = connected();
  const bad = await run(client, '{ viewer {');
  const wrong = await run(client, '{ nothing }');
  const both = await Promise.all([
    run(client, '{ viewer { role } }'),
    run(client, '{ customers(first: 1, orderBy: [{ field: NAME }]) { nodes { name } } }'),
  ]);
  const changed = await run(client, 'mutation ($input: TagCustomerInput!) { tagCustomer(input: $input) { errors { code } } }', {
    input: { id: taggedId, add: ['coffee'] }, // of nobody who is listened to: its event may come late
  });
  await client.dispose();
  return { bad, wrong, both, changed, opened: count.opened };
}

async function stranger(connectionParams) {
  const { client } = connected({ connectionParams, retryAttempts: 0 });
  const { error } = await run(client, '{ viewer { role } }');
  await client.dispose();
  return error;
}

/** Ends a subscription itself, and goes on using the socket. */
async function completed() {
  const { client, count } = connected();
  const changes = client.iterate({ query: CHANGES, variables: { id: otherId } });
  const waiting = changes.next();
  await run(client, '{ __typename }');
  await changes.return();
  const { done } = await waiting;
  const after = await run(client, '{ __typename }');
  await client.dispose();
  return { done, after: after.results, opened: count.opened };
}

/** Hears one change, loses the socket, misses another meanwhile, and is told of it on the next socket. */
async function resumed() {
  let socket;
  const { client, count } = connected({
    retryWait: async () => {
      await rename('While it was away');
      await new Promise((resolve) => setTimeout(resolve, 300)); // the event comes when nobody listens
    },
    shouldRetry: () => true,
  });
  client.on('connected', (opened) => (socket = opened));
  const operation = { query: CHANGES, variables: { id }, extensions: {} };
  const names = [];
  for await (const { data, extensions } of client.iterate(operation)) {
    names.push(data.customerChanged.customer.name);
    operation.extensions.resumeAfter = extensions.eventId; // sent again with the operation, by the next socket
    if (names.length === 2) break;
    socket.terminate();
  }
  await client.dispose();
  return { names, opened: count.opened };
}

async function rename(name) {
  const { customer } = await post('query ($id: ID!) { customer(id: $id) { version } }', { id });
  const input = { id, expectedVersion: customer.version, name };
  return post('mutation ($input: UpdateCustomerInput!) { updateCustomer(input: $input) { errors { code } } }', { input });
}

async function post(query, variables) {
  const headers = { ...identity, 'content-type': 'application/json' };
  const answer = await fetch(url.replace('ws', 'http'), { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  return (await answer.json()).data;
}

const answers = {
  oneSocket: await oneSocket(),
  strangers: [await stranger({}), await stranger({ authorization: 'Bearer kith_at_nobody' })],
  completed: await completed(),
  resumed: await resumed(),
};
console.log(JSON.stringify(answers));
