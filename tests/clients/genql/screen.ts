// Reads and writes by the client that genql generated.
// usage: node screen.js URL TOKEN UNIT_ID
import { createClient, enumCustomerOrderField } from './client';

const [url, token, unitId] = process.argv.slice(2);
const client = createClient({ url, headers: { authorization: `Bearer ${token}` } });

async function names(): Promise<string[]> {
  const { customers } = await client.query({
    customers: {
      __args: { first: 10, orderBy: [{ field: enumCustomerOrderField.NAME }], filter: { stage: { eq: 'PROSPECT' } } },
      nodes: { name: true },
    },
  });
  return customers.nodes.map(({ name }) => name);
}

async function create(email: string): Promise<string[]> {
  const { createCustomer } = await client.mutation({
    createCustomer: {
      __args: { input: { name: 'Südwind', email, unitId } },
      customer: { id: true },
      errors: { code: true },
    },
  });
  return createCustomer.errors.map(({ code }) => code);
}

async function main(): Promise<void> {
  const answers = {
    refused: await create('nonsense'),
    created: await create('office@suedwind.example'),
    names: await names(),
  };
  console.log(JSON.stringify(answers));
}

main();
