// Operations through graphql-sse (distinct connections mode), as JSON lines: { next } for a result, { end } at the end.
// usage: node sse.mjs URL OPERATION COUNT   (HEADERS: headers to send along, as JSON); ends after COUNT results
import { createClient } from 'graphql-sse';

const [url, operation, count] = process.argv.slice(2);
const headers = JSON.parse(process.env.HEADERS ?? '{}');
const client = createClient({ url, headers, retryAttempts: 0 });
const say = (line) => console.log(JSON.stringify(line));

let left = Number(count);
try {
  for await (const next of client.iterate(JSON.parse(operation))) {
    say({ next });
    left -= 1;
    if (left === 0) break;
  }
  say({ end: 'complete' });
} catch (error) {
  say({ end: String(error?.message ?? error) });
}
client.dispose();
