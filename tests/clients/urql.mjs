// A CRM's work by @urql/core, with nothing set that a project would leave as it is: short queries go by GET.
// usage: node urql.mjs URL TOKEN UNIT_ID CUSTOMER_ID   Prints what each step came to; ends after one change of the customer.
import { cacheExchange, Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { pipe, subscribe } from 'wonka';

const [url, token, unitId, id] = process.argv.slice(2);
const asked = [];
const noted = async (address, init) => {
  const answer = await fetch(address, init);
  asked.push(`${init.method} ${answer.headers.get('content-type').split(';')[0]}`);
  return answer;
};
const client = (...exchanges) =>
  new Client({
    url,
    fetch: noted,
    exchanges: [...exchanges, fetchExchange],
    fetchSubscriptions: true,
    fetchOptions: { headers: { authorization: `Bearer ${token}`, 'x-kith-client': 'urql' } },
  });
const plain = client(cacheExchange);

/** What a step gives, and how it was asked and answered. */
async function step(work) {
  asked.length = 0;
  const value = await work();
  return { value, asked: [...asked] };
}

async function read(by, query, variables = {}) {
  const { data, error } = await by.query(query, variables).toPromise();
  if (error) throw error;
  return data;
}

const CUSTOMERS = `query Customers($first: Int!, $after: String) {
  customers(first: $first, after: $after, orderBy: [{ field: NAME }]) { nodes { id name } pageInfo { endCursor } }
}`;

async function pages() {
  const { customers } = await read(plain, CUSTOMERS, { first: 2 });
  const next = await read(plain, CUSTOMERS, { first: 2, after: customers.pageInfo.endCursor });
  return [...customers.nodes, ...next.customers.nodes].map(({ name }) => name);
}

/** Once by its text, once by its hash; two caches, so that both are asked for. */
async function named() {
  const names = [];
  for (let time = 0; time < 2; time += 1) {
    const { viewer } = await read(client(persistedExchange()), 'query Me { viewer { role } }');
    names.push(viewer.role);
  }
  return names;
}

async function refused() {
  const { error } = await plain.query('query Wrong { nothing }', {}).toPromise();
  return error.graphQLErrors.map(({ extensions }) => extensions.code);
}

async function create(name) {
  const mutation = `mutation Create($input: CreateCustomerInput!) {
    createCustomer(input: $input) { customer { name } errors { code path } }
  }`;
  const { data, error } = await plain.mutation(mutation, { input: { name, email: 'a@b.example', unitId } }).toPromise();
  if (error) throw error;
  const { customer, errors } = data.createCustomer;
  return { name: customer?.name ?? null, errors: errors.map(({ code, path }) => [code, path]) };
}

async function upload() {
  const mutation = `mutation Import($input: StartCustomerImportInput!) {
    startCustomerImport(input: $input) { import { filename columns { name suggestedField { key } } } errors { code } }
  }`;
  const file = new File(['Name;E-Mail\nSüdwind;office@suedwind.example\n'], 'spring.csv', { type: 'text/csv' });
  const { data, error } = await plain.mutation(mutation, { input: { unitId, file } }).toPromise();
  if (error) throw error;
  const { filename, columns } = data.startCustomerImport.import;
  return { filename, columns: columns.map((column) => [column.name, column.suggestedField.key]) };
}

/** Each state of a result that comes in parts. */
async function inParts() {
  const query = `query InParts {
    viewer { name }
    ... @defer(label: "rest") { viewer { units { name } } customers(first: 2) { nodes { name } } }
  }`;
  const states = await until(client().query(query, {}), ({ hasNext }) => !hasNext);
  return states.map(({ data }) => [data.viewer.units?.length ?? 0, data.customers?.nodes.length ?? 0]);
}

/** How much of a list is there at first, and its names in the end. */
async function streamed() {
  const { customers } = await read(plain, CUSTOMERS, { first: 4 });
  const query = `query Streamed($ids: [ID!]!) {
    nodes(ids: $ids) @stream(initialCount: 1) { id ... on Customer { name } }
  }`;
  const ids = customers.nodes.map((each) => each.id);
  const states = await until(client().query(query, { ids }), ({ hasNext }) => !hasNext);
  return [states[0].data.nodes.length, states.at(-1).data.nodes.map(({ name }) => name)];
}

async function follow() {
  const query = 'subscription Changes($id: ID!) { customerChanged(id: $id) { action customer { name } } }';
  const [{ data }] = await until(plain.subscription(query, { id }), () => true);
  return { action: data.customerChanged.action, name: data.customerChanged.customer.name };
}

/** The results up to the last one that is wanted. It stays subscribed, as a screen does. */
function until(source, isLast) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const note = (result) => {
      if (result.error) reject(result.error);
      seen.push(result);
      if (isLast(result)) resolve(seen);
    };
    pipe(source, subscribe(note));
  });
}

const steps = {
  pages,
  named,
  refused,
  created: () => create('Südwind'),
  notCreated: () => create(' '),
  uploaded: upload,
  inParts,
  streamed,
  change: follow,
};
const answers = {};
for (const [name, work] of Object.entries(steps)) answers[name] = await step(work);
console.log(JSON.stringify(answers));
process.exit(); // a subscription is still open
