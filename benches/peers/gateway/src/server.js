// Starts the gateway from the environment and says where it listens.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { gateway } from './app.js';
import { sealing } from './sealing.js';
import { seed } from './seed.js';
import { open } from './store.js';

const { env } = process;
const needed = (name) => env[name] || stop(`${name} is not set`);

const store = open(needed('DATABASE'));
const seals = sealing(needed('CHATEHR_ROOT_SECRET'));
seed(store, seals, Number(env.SEED ?? 0));
const app = gateway({
  store,
  seals,
  tokens: {
    publicKey: readFileSync(needed('CHATEHR_OIDC_PUBLIC_KEY'), 'utf8'),
    issuer: needed('CHATEHR_OIDC_ISSUER'),
    audience: needed('CHATEHR_OIDC_AUDIENCE'),
  },
  limit: Number(env.RATE_LIMIT ?? 600),
});

const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 30_000 }, app);
server.listen({ host: '127.0.0.1', port: Number(env.PORT ?? 3000), backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  store.db.close();
});

function stop(why) {
  console.error(why);
  process.exit(1);
}
