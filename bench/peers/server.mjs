// node-oidc-provider as it is measured: node server.mjs <memory|redis|postgresql> <port> <workers> [url]
// Prints one line of JSON once every worker listens: what may be asked of it.
import cluster from "node:cluster";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";
import { open, prepare } from "./stores.mjs";

const [kind, port, workers, url] = process.argv.slice(2);
const RESOURCE = "https://api.example";
const SCOPE = "workflows:read";
const FAMILIES = 64;
const id = () => randomBytes(32).toString("base64url");

if (cluster.isPrimary) {
  await prepare(kind, url);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const seed = {
    key: { ...privateKey.export({ format: "jwk" }), kid: "bench", use: "sig", alg: "ES256" },
    secret: id(),
    opaque: id(),
    // What a worker keeps in its own memory no other one could rotate.
    refresh: kind === "memory" ? [] : Array.from({ length: FAMILIES }, id),
  };
  let ready = 0;
  for (let number = 0; number < Number(workers); number++) {
    cluster.fork({ SEED: JSON.stringify(seed), SEEDS: kind === "memory" || number === 0 ? "1" : "" });
  }
  cluster.on("message", () => {
    if (++ready === Number(workers)) {
      const { secret, opaque, refresh } = seed;
      console.log(JSON.stringify({ secret, opaque, refresh, resource: RESOURCE, scope: SCOPE }));
    }
  });
  cluster.on("exit", () => process.exit(1));
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
  process.stdin.on("end", () => process.exit(0)).resume(); // whoever started it has ended
} else {
  process.on("disconnect", () => process.exit(0));
  const seed = JSON.parse(process.env.SEED);
  const { adapter } = await open(kind, url);
  const provider = new Provider(`http://localhost:${port}`, configuration(seed, adapter));
  if (process.env.SEEDS) await plant(provider, seed);
  provider.listen(Number(port), "127.0.0.1", () => process.send("listening"));
}

function configuration({ key, secret }, adapter) {
  const client = (client_id, grant_types, more = {}) => ({
    client_id, client_secret: secret, grant_types, redirect_uris: [], response_types: [], ...more,
  });
  return {
    ...(adapter ? { adapter } : {}),
    clients: [
      client("job", ["client_credentials"]),
      client("app", ["authorization_code", "refresh_token"], {
        redirect_uris: ["https://app.example.test/callback"], response_types: ["code"],
      }),
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    jwks: { keys: [key] },
    scopes: ["openid", "offline_access"],
    findAccount: (_, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    rotateRefreshToken: true, // as ours always are
    ttl: { ClientCredentials: 3600, AccessToken: 3600, RefreshToken: 86400, Grant: 86400, IdToken: 3600 },
    cookies: { keys: [secret] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, __, one) => one ?? [],
        getResourceServerInfo: () => ({
          scope: SCOPE, audience: RESOURCE, accessTokenFormat: "jwt", accessTokenTTL: 3600, jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}

async function plant(provider, { opaque, refresh }) {
  const job = await provider.Client.find("job");
  const token = new provider.ClientCredentials({ client: job });
  Object.assign(token, { jti: opaque, format: "opaque" });
  await token.save();
  const client = await provider.Client.find("app");
  for (const jti of refresh) {
    const grant = new provider.Grant({ accountId: "alice", clientId: "app" });
    grant.addOIDCScope("openid offline_access");
    grant.addResourceScope(RESOURCE, SCOPE);
    const grantId = await grant.save();
    const now = Math.floor(Date.now() / 1000);
    const family = new provider.RefreshToken({
      accountId: "alice", client, grantId, gty: "authorization_code", authTime: now, iiat: now, rotations: 0,
      scope: `openid offline_access ${SCOPE}`, resource: RESOURCE, expiresWithSession: false,
    });
    family.jti = jti;
    await family.save();
  }
}
