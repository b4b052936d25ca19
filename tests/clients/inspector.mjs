// What GraphQL Inspector sees change from the contract to what the server tells of itself: [{ level, message }].
// usage: node inspector.mjs URL TOKEN SCHEMA_FILE
import { readFile } from 'node:fs/promises';
import { diff } from '@graphql-inspector/core';
import { buildClientSchema, buildSchema, getIntrospectionQuery, printSchema } from 'graphql';

const [url, token, file] = process.argv.slice(2);
const query = getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, specifiedByUrl: true, directiveIsRepeatable: true });
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const { data } = await (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json();

const served = printSchema(buildClientSchema(data)); // as text: the inspector looks for directives such as @oneOf there
const changes = await diff(buildSchema(await readFile(file, 'utf8')), buildSchema(served));
console.log(JSON.stringify(changes.map(({ criticality, message }) => ({ level: criticality.level, message }))));
