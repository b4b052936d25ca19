// A CRM's screens by Apollo Client: log in, page through customers, create one, read in parts, follow one, name a query.
// usage: node apollo.mjs URL EMAIL PASSWORD CUSTOMER_ID   Prints what each step came to; ends after one change of the customer.
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { SetContextLink } from '@apollo/client/link/context';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import { filter, firstValueFrom, takeWhile, toArray } from 'rxjs';

const [uri, email, password, id] = process.argv.slice(2);
const session = { token: null };
const bodies = [];
const noted = (address, init) => (bodies.push(init.body), fetch(address, init));

const identity = new SetContextLink(({ headers }) => ({
  headers: session.token ? { ...headers, authorization: `Bearer ${session.token}` } : headers,
}));
const named = new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') });
const http = new HttpLink({ uri, fetch: noted });
const cache = () =>
  new InMemoryCache({
    typePolicies: { Query: { fields: { customers: relayStylePagination(['filter', 'search', 'orderBy']) } } },
  });
const created = (link, incrementalHandler) =>
  new ApolloClient({ link: ApolloLink.from([identity, ...link]), cache: cache(), incrementalHandler });
const client = created([http]);

const LOG_IN = gql`
  mutation LogIn($input: LogInInput!) {
    logIn(input: $input) {
      accessToken
      viewer { id name units { id } }
      errors { code message path }
    }
  }
`;
const CUSTOMERS = gql`
  query Customers($after: String) {
    customers(first: 2, after: $after, orderBy: [{ field: NAME }]) {
      edges { cursor node { id name } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const CREATE = gql`
  mutation Create($input: CreateCustomerInput!) {
    createCustomer(input: $input) {
      customer { id name stage }
      errors { code message path }
    }
  }
`;
const IN_PARTS = gql`
  query InParts {
    viewer { id name }
    ... @defer(label: "rest") {
      viewer { id units { id name } }
      customers(first: 2) { edges { cursor node { id name } } pageInfo { hasNextPage endCursor } }
    }
  }
`;
const STREAMED = gql`
  query Streamed($ids: [ID!]!) {
    nodes(ids: $ids) @stream(initialCount: 1) { id ... on Customer { name } }
  }
`;
const CHANGES = gql`
  subscription Changes($id: ID!) {
    customerChanged(id: $id) { action customer { id name } }
  }
`;

async function logIn(secret) {
  const { data } = await client.mutate({ mutation: LOG_IN, variables: { input: { email, password: secret } } });
  return data.logIn;
}

/** Two pages into one list; read again, it comes from the cache. */
async function pages() {
  const list = client.watchQuery({ query: CUSTOMERS });
  await firstValueFrom(list.pipe(filter(({ dataState }) => dataState === 'complete')));
  const { endCursor } = list.getCurrentResult().data.customers.pageInfo;
  await list.fetchMore({ variables: { after: endCursor } });
  const asked = bodies.length;
  const { data } = await client.query({ query: CUSTOMERS });
  const names = data.customers.edges.map(({ node }) => node.name);
  return { names, more: data.customers.pageInfo.hasNextPage, askedAgain: bodies.length - asked };
}

async function create(input) {
  const { data } = await client.mutate({ mutation: CREATE, variables: { input } });
  return data.createCustomer;
}

/** The states of a result that comes in parts, and which of its deferred fields are there. */
async function inParts(handler) {
  const states = created([http], handler).watchQuery({ query: IN_PARTS });
  const seen = await firstValueFrom(states.pipe(takeWhile(({ dataState }) => dataState !== 'complete', true), toArray()));
  return seen
    .filter(({ data }) => data)
    .map(({ data, dataState }) => [dataState, data.viewer.units?.length ?? 0, data.customers?.edges.length ?? 0]);
}

/** The names of a list that comes item by item, and whether some of it was there before the rest. */
async function streamed(handler) {
  const { data } = await client.query({ query: CUSTOMERS });
  const ids = data.customers.edges.map(({ node }) => node.id);
  const states = created([http], handler).watchQuery({ query: STREAMED, variables: { ids } });
  const seen = await firstValueFrom(states.pipe(takeWhile(({ loading }) => loading, true), toArray()));
  const lists = seen.filter((state) => state.data).map((state) => state.data.nodes.map(({ name }) => name));
  return { names: lists.at(-1), inParts: lists[0].length < ids.length };
}

/** The customer's next change, by multipart subscription; its new name is in the cache, too. */
async function follow() {
  const changes = client.subscribe({ query: CHANGES, variables: { id } });
  const { data } = await firstValueFrom(changes);
  const cached = client.readFragment({ id: `Customer:${id}`, fragment: gql`fragment Name on Customer { name }` });
  return { action: data.customerChanged.action, cached: cached.name };
}

/** The same query by two clients: the first sends its text once it is asked for, the second needs only the name. */
async function byName() {
  const texts = [];
  for (let time = 0; time < 2; time += 1) {
    const asked = bodies.length;
    await created([named, http]).query({ query: CUSTOMERS });
    texts.push(bodies.slice(asked).map((body) => 'query' in JSON.parse(body)));
  }
  return texts;
}

const refused = await logIn('not the password at all');
const { accessToken, viewer } = await logIn(password);
session.token = accessToken;
const unitId = viewer.units[0].id;
const answers = {
  refused: refused.errors.map(({ code }) => code),
  viewer: viewer.name,
  pages: await pages(),
  created: (await create({ name: 'Südwind', email: 'office@suedwind.example', unitId })).customer.stage,
  notCreated: (await create({ name: ' ', email: 'office@suedwind.example', unitId })).errors.map(({ code, path }) => [code, path]),
  inParts: [await inParts(new Defer20220824Handler()), await inParts(new GraphQL17Alpha9Handler())],
  streamed: [await streamed(new Defer20220824Handler()), await streamed(new GraphQL17Alpha9Handler())],
  sentText: await byName(),
  change: await follow(),
};
console.log(JSON.stringify(answers));
