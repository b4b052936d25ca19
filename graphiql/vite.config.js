import { defineConfig } from 'vite';

// Where `npm run dev` finds the API; the built page always asks the host that served it.
const api = process.env.KITH_API_URL ?? 'http://127.0.0.1:8000';

export default defineConfig({
  // Relative addresses: the page works wherever the API mounts it.
  base: './',
  server: { proxy: { '/graphql': { target: api, ws: true } } },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // light-dark() as the browser has it: a rewritten one would not follow the scheme chosen in GraphiQL's settings.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Every asset is a file of its own, so that the content security policy needs no `data:` fonts or scripts.
    assetsInlineLimit: 0,
    // The code editor is one large, lazily loaded part by nature.
    chunkSizeWarningLimit: 5000,
    // "use client" marks parts for servers that render React; this page has no such server.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
    license: { fileName: 'third-party-licences.md' },
  },
});
