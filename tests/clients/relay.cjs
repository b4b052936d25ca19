// What a page of customers does by relay-runtime, its documents known to the server by their ids alone.
// usage: node relay.cjs URL TOKEN UNIT_ID ARTIFACTS   (ARTIFACTS: the directory relay-compiler wrote)
const path = require('node:path');
const relay = require('relay-runtime');

const [url, token, unitId, directory] = process.argv.slice(2);
const artifact = (name) => require(path.resolve(directory, `${name}.graphql.js`));
const asked = [];

async function send({ id, text, name }, variables) {
  asked.push({ name, named: Boolean(id) && !text });
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/graphql-response+json',
  };
  const body = JSON.stringify({ documentId: id, variables });
  return (await fetch(url, { method: 'POST', headers, body })).json();
}

const environment = new relay.Environment({
  network: relay.Network.create(send),
  store: new relay.Store(new relay.RecordSource()),
});
const QUERY = artifact('CustomersQuery');
const LIST = artifact('Customers_list');
const page = relay.createOperationDescriptor(QUERY, { count: 2 });

/** What the page shows now: the list is read from the store, as usePaginationFragment reads it. */
function list() {
  const root = environment.lookup(page.fragment).data;
  return environment.lookup(relay.getSingularSelector(LIST, root)).data.customers;
}

const names = () => list().edges.map(({ node }) => node.name);

/** What loadNext does. */
async function loadNext(count) {
  const { paginationMetadata, paginationRequest } = relay.getPaginationMetadata(LIST, 'loadNext()');
  const cursor = list().pageInfo.endCursor;
  const variables = relay.getPaginationVariables('forward', count, cursor, { count }, {}, paginationMetadata);
  await relay.fetchQuery(environment, paginationRequest, variables).toPromise();
}

function create(name, email) {
  const variables = { input: { name, email, unitId }, connections: [list().__id] };
  return new Promise((resolve, reject) => {
    const mutation = artifact('CustomersCreateMutation');
    relay.commitMutation(environment, {
      mutation,
      variables,
      onCompleted: ({ createCustomer }) => resolve(createCustomer.errors.map(({ code }) => code)),
      onError: reject,
    });
  });
}

/** What refetch does of the first customer: by node(id). */
async function refetch() {
  const { id } = list().edges[0].node;
  await relay.fetchQuery(environment, artifact('CustomersDetailQuery'), { id }).toPromise();
  const selector = relay.getSingularSelector(artifact('Customers_detail'), list().edges[0].node);
  const { name, stage, balances } = environment.lookup(selector).data;
  return { name, stage, balances };
}

async function main() {
  const retained = environment.retain(page);
  await relay.fetchQuery(environment, QUERY, { count: 2 }).toPromise();
  const first = { names: names(), more: list().pageInfo.hasNextPage };
  await loadNext(5);
  const both = { names: names(), more: list().pageInfo.hasNextPage };
  const created = await create('Südwind', 'office@suedwind.example');
  const refused = await create('Südwind', 'nonsense');
  const answers = { first, both, created, refused, appended: names().at(-1), detail: await refetch(), asked };
  retained.dispose();
  console.log(JSON.stringify(answers));
}

main();
