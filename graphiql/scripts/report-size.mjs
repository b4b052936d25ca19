// Prints the size of the built page, as it is and gzipped: `npm run size`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = join(import.meta.dirname, '..', 'dist');
const SERVED = /\.(html|js|css|svg|ttf)$/;

const files = readdirSync(dist, { recursive: true }).filter((file) => SERVED.test(file));
const sizes = files.map((file) => {
  const content = readFileSync(join(dist, file));
  return { file, plain: content.length, gzipped: gzipSync(content, { level: 9 }).length };
});
sizes.sort((a, b) => b.gzipped - a.gzipped);

const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(11);
const total = (key) => sizes.reduce((sum, size) => sum + size[key], 0);
for (const { file, plain, gzipped } of sizes) console.log(kB(plain), kB(gzipped), file);
console.log(kB(total('plain')), kB(total('gzipped')), `total of ${sizes.length} files (plain, gzipped)`);
