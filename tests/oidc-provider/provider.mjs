// An OpenID provider for tests, on loopback, with the demonstration clinic's people as accounts. The real thing
// (oidc-provider) and nothing of ours in what it decides: what our programs send it and believe of it is under test.
//
//   node provider.mjs [PORT]      a free port without one; prints "listening on http://127.0.0.1:PORT"
//
// CHATEHR_TEST_OIDC                the directory with node_modules, where it is not this one
// CHATEHR_TEST_OIDC_TOKEN_SECONDS  how long an access token lasts; 3600
// CHATEHR_TEST_OIDC_ISSUER         what it calls itself, where a test's network stands in between
// CHATEHR_TEST_OIDC_SECRETS        a file for every token, code and verifier that went to or fro, one a line, so that a
//                                  test can look for them where they must not be
//
// Signing in: the form (of which `data-asks` is "login", or "consent" where the browser is known) at the authorization endpoint's redirect takes `login` (a name of `accounts`), posted to
// `{form's address}/login`. Consent is given with it. A second device's code is typed in at `/device`.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// Standard output is for the one line that a test reads before it closes it.
console.info = console.error;

const modules = process.env.CHATEHR_TEST_OIDC ?? import.meta.dirname;
const entry = createRequire(`${modules}/package.json`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(entry));

const TOKEN_SECONDS = Number(process.env.CHATEHR_TEST_OIDC_TOKEN_SECONDS ?? 3600);

// The audiences that access tokens can be asked for. The first is ChatEHR's, and what a client gets that names none.
const API = 'https://api.chatehr.test';
const OTHER_API = 'https://billing.chatehr.test';

// A patient's account and record have different ids, as in a hospital.
const accounts = {
  okafor: { sub: 'physician-12', name: 'Amara Okafor', roles: ['physician'], specialties: ['cardiology'] },
  lindqvist: { sub: 'physician-13', name: 'Elin Lindqvist', roles: ['provider', 'offline_access'], specialties: ['cardiology'] },
  marta: { sub: 'account-2041', name: 'Marta Szymańska', roles: ['patient'], patient_id: 'patient-2041' },
  lucia: { sub: 'account-2044', name: 'Lucía García Márquez', roles: ['patient'], patient_id: 'patient-2044' },
  feldman: { sub: 'admin-1', name: 'Ruth Feldman', roles: ['admin'] },
  // Those who must not come in.
  norole: { sub: 'account-1', name: 'No Role' },
  norecord: { sub: 'account-2', name: 'No Record', roles: ['patient'] },
  tworoles: { sub: 'account-3', name: 'Two Roles', roles: ['patient', 'physician'], patient_id: 'patient-2041' },
};
const bySub = (sub) => Object.values(accounts).find((account) => account.sub === sub);

const jwk = (type, options, alg, kid) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig',
});
const run = randomBytes(4).toString('hex');

const configuration = {
  jwks: {
    keys: [
      jwk('rsa', { modulusLength: 2048 }, 'RS256', `rsa-${run}`),
      jwk('ec', { namedCurve: 'P-256' }, 'ES256', `ec-${run}`),
    ],
  },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  clients: [
    {
      // The desktop: no secret, any loopback port (RFC 8252, section 7.3).
      client_id: 'chatehr-desktop',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
      post_logout_redirect_uris: ['http://127.0.0.1/signed-out'],
    },
    {
      // A machine with an administrator's rights.
      client_id: 'chatehr-service',
      client_secret: 'chatehr-service-secret',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'profile'],
  claims: { openid: ['sub'], profile: ['name'] },
  ttl: { AccessToken: TOKEN_SECONDS, ClientCredentials: TOKEN_SECONDS },
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: (_ctx, sub) => {
    const account = bySub(sub);
    return account && { accountId: sub, claims: () => ({ sub, name: account.name }) };
  },
  extraTokenClaims: (ctx, token) => {
    if (token.kind === 'ClientCredentials') return { roles: ['admin'] };
    const { roles, patient_id, specialties } = bySub(token.accountId);
    const { AuthorizationCode, RefreshToken } = ctx.oidc.entities;
    const auth_time = (AuthorizationCode ?? RefreshToken)?.authTime;
    return { roles, patient_id, specialties, auth_time, sid: token.sessionUid };
  },
  // Consent goes with the sign-in, so there is one form and not two.
  loadExistingGrant: async (ctx) => {
    const { client, session, params } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    // One that a sign-out has revoked is not there any more, though the browser's session still names it.
    const held = known && (await ctx.oidc.provider.Grant.find(known));
    if (held) return held;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid offline_access profile');
    for (const resource of [API, OTHER_API]) grant.addResourceScope(resource, 'records');
    await grant.save();
    return grant;
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    deviceFlow: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => oneOf?.[0] ?? API,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'records',
        audience: resource,
        accessTokenTTL: TOKEN_SECONDS,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: resource === API ? 'RS256' : 'ES256' } },
      }),
    },
  },
  // The reason as it is, for whoever reads a failed test.
  renderError: (ctx, out) => {
    ctx.type = 'json';
    ctx.body = out;
  },
};

// The issuer's name holds the port, so the port comes first.
const server = createServer();
await new Promise((resolve) => server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', resolve));
const address = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(process.env.CHATEHR_TEST_OIDC_ISSUER ?? address, configuration);
provider.on('server_error', (_ctx, error) => console.error(error));
const secrets = process.env.CHATEHR_TEST_OIDC_SECRETS;
if (secrets) {
  provider.on('grant.success', ({ body, oidc: { params } }) => {
    const { access_token, refresh_token, id_token } = body;
    const { code, code_verifier, device_code, refresh_token: before } = params;
    const all = [access_token, refresh_token, id_token, code, code_verifier, device_code, before];
    appendFileSync(secrets, all.filter(Boolean).map((one) => `${one}\n`).join(''));
  });
}
const callback = provider.callback();

server.on('request', async (request, response) => {
  const [interaction, login] = /^\/interaction\/[^/?]+(\/login)?$/.exec(request.url) ?? [];
  if (!interaction) return callback(request, response);
  try {
    if (login && request.method === 'POST') {
      let body = '';
      for await (const chunk of request) body += chunk;
      const account = accounts[new URLSearchParams(body).get('login')];
      const result = account
        ? { login: { accountId: account.sub }, consent: {} }
        : { error: 'access_denied', error_description: 'no such account' };
      return await provider.interactionFinished(request, response, result);
    }
    const { uid, prompt } = await provider.interactionDetails(request, response);
    const options = Object.entries(accounts).map(([login, { name }]) => `<option value="${login}">${name}</option>`);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><title>Sign in</title><form method="post" action="/interaction/${uid}/login" data-asks="${prompt.name}">
<label>Account <select name="login">${options.join('')}</select></label> <button>Sign in</button></form>`);
  } catch (error) {
    response.statusCode = 400;
    response.end(String(error));
  }
});

console.log(`listening on ${address}`);
