// Sign in with oauth4webapi: open the printed address, allow, paste the address you come back to.
import * as oauth from "oauth4webapi";
import { createInterface } from "node:readline/promises";

const issuer = new URL({{ text(issuer) }});
const redirect_uri = {{ text(redirect_uri) }};
const scope = {{ text(scope) }};
const client = { client_id: {{ text(client_id) }} };
const authenticate = {% if public %}oauth.None(){% else %}oauth.ClientSecretBasic(process.env.CLIENT_SECRET){% endif %};
// Plain http is for this machine alone.
const options = { [oauth.allowInsecureRequests]: issuer.protocol === "http:" };

const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
const server = await oauth.processDiscoveryResponse(issuer, discovered);

const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const address = new URL(server.authorization_endpoint);
address.search = new URLSearchParams({
  response_type: "code", client_id: client.client_id, redirect_uri, scope, state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
});
console.log("Open", address.href);

const terminal = createInterface({ input: process.stdin, output: process.stdout });
const callback = new URL(await terminal.question("Paste the address you come back to: "));
terminal.close();

const parameters = oauth.validateAuthResponse(server, client, callback, state);
const answer = await oauth.authorizationCodeGrantRequest(
  server, client, authenticate, parameters, redirect_uri, verifier, options,
);
console.log(JSON.stringify(await oauth.processAuthorizationCodeResponse(server, client, answer), null, 2));
