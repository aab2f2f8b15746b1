// A token for this app itself, with oauth4webapi.
import * as oauth from "oauth4webapi";

const issuer = new URL({{ text(issuer) }});
const client = { client_id: {{ text(client_id) }} };
const authenticate = oauth.ClientSecretBasic(process.env.CLIENT_SECRET);
// Plain http is for this machine alone.
const options = { [oauth.allowInsecureRequests]: issuer.protocol === "http:" };

const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
const server = await oauth.processDiscoveryResponse(issuer, discovered);
const answer = await oauth.clientCredentialsGrantRequest(
  server, client, authenticate, new URLSearchParams({% if scope %}{ scope: {{ text(scope) }} }{% endif %}), options,
);
console.log(JSON.stringify(await oauth.processClientCredentialsResponse(server, client, answer), null, 2));
