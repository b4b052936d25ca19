// The audits of GraphQL over HTTP by the package graphql-http, as JSON: [{ id, name, status, reason }].
// usage: node audits.mjs URL   (AUDIT_HEADERS: headers to send along, as JSON)
import { auditServer } from 'graphql-http';

const [url] = process.argv.slice(2);
const headers = JSON.parse(process.env.AUDIT_HEADERS ?? '{}');
const fetchFn = (address, init = {}) => fetch(address, { ...init, headers: { ...headers, ...init.headers } });

const results = await auditServer({ url, fetchFn });
console.log(
  JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason: reason ?? null }))),
);
