// node provider.mjs PORT: an OpenID provider on 127.0.0.1:PORT, or a free port for 0; it prints its address.
// What is below `/-/` is for the tests: they turn its keys over, choose claims and lifetimes, and let it fail.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import Provider from 'oidc-provider';

// Access tokens for this resource are opaque, for others JSON Web Tokens.
const OPAQUE = 'urn:tollgate:opaque';

const settings = { seconds: 300, algorithm: 'RS256', claims: {}, fails: null };

function newKey(algorithm) {
  const kind = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }] }[algorithm];
  const { privateKey } = generateKeyPairSync(...kind);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: algorithm };
}

function client(id, more) {
  return {
    client_id: id,
    client_secret: `secret-of-${id}`,
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'client_secret_basic',
    ...more,
  };
}

const clients = [
  client('machine'),
  client('machine-2'),
  client('app', {
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
  }),
  // The gate's own, for introspection.
  client('tollgate', { grant_types: [] }),
  client('tollgate-post', { grant_types: [], token_endpoint_auth_method: 'client_secret_post' }),
];

/** A provider with these keys; tokens and grants are kept from one to the next. */
function provider(issuer, keys) {
  const made = new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: ['of the tests'] },
    scopes: ['openid', 'offline_access', 'email', 'litellm_proxy_admin', 'chat'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true, ...settings.claims }),
    }),
    // Who signs in is who the request hints at; everybody agrees to everything.
    interactions: { url: (_, { uid }) => `/-/sign-in/${uid}` },
    async loadExistingGrant(ctx) {
      const { client: { clientId }, session: { accountId }, params } = ctx.oidc;
      const grant = new made.Grant({ clientId, accountId });
      grant.addOIDCScope('openid offline_access email');
      for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, params.scope);
      await grant.save();
      return grant;
    },
    extraTokenClaims: () => settings.claims,
    ttl: { AccessToken: () => settings.seconds, ClientCredentials: () => settings.seconds },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'openid offline_access email litellm_proxy_admin chat',
          audience: resource,
          accessTokenTTL: settings.seconds,
          accessTokenFormat: resource === OPAQUE ? 'opaque' : 'jwt',
          jwt: { sign: { alg: settings.algorithm } },
        }),
      },
    },
  });
  return made;
}

async function json(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length ? JSON.parse(Buffer.concat(parts)) : {};
}

const server = createServer();
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
let keys = [newKey('RS256'), newKey('ES256')];
let current = provider(issuer, keys);

const controls = {
  // New keys sign from now on. The old ones stay published when `keep` says so.
  async rotate({ keep = false }) {
    const old = keep ? keys : [];
    const fresh = [newKey('RS256'), newKey('ES256')];
    // The provider signs with the first key that fits.
    keys = [...fresh, ...old];
    current = provider(issuer, keys);
  },
  async settings(changes) {
    Object.assign(settings, changes);
  },
};

server.on('request', async (request, response) => {
  try {
    const [, first, second] = request.url.match(/^\/-\/([^/?]+)\/?([^/?]*)/) ?? [];
    if (first === 'sign-in') {
      const { params } = await current.interactionDetails(request, response);
      return await current.interactionFinished(request, response, { login: { accountId: params.login_hint ?? second } });
    }
    if (first) {
      await controls[first](await json(request));
      return response.writeHead(204).end();
    }
    if (settings.fails) return response.writeHead(settings.fails).end('<html>');
    return await current.callback()(request, response);
  } catch (error) {
    console.error(error);
    return response.writeHead(500).end(String(error));
  }
});

console.log(issuer);
