// A customer import by apollo-upload-client: with the header that forms cannot forge, and without it.
// usage: node uploads.mjs URL TOKEN UNIT_ID FILE
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';

const [uri, token, unitId, path] = process.argv.slice(2);
const START = gql`
  mutation Start($input: StartCustomerImportInput!) {
    startCustomerImport(input: $input) {
      import { filename size encoding }
      errors { code }
    }
  }
`;

async function upload(headers) {
  const link = new UploadHttpLink({ uri, headers: { authorization: `Bearer ${token}`, ...headers } });
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const file = new File([await readFile(path)], basename(path), { type: 'text/csv' });
  const { data } = await client.mutate({ mutation: START, variables: { input: { unitId, file } } });
  const { filename, size, encoding } = data.startCustomerImport.import;
  return { filename, size, encoding, errors: data.startCustomerImport.errors };
}

const answers = { taken: await upload({ 'x-kith-client': 'apollo' }), refused: await upload({}).catch(({ message }) => message) };
console.log(JSON.stringify(answers));
process.exit(); // the server leaves the refused connection open, and Node would wait for it
