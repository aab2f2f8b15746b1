// oauth4webapi against a served process: strict about metadata, iss, ID tokens and every answer's shape.
// One JSON object on the command line says who we are; a line on stdin brings the URL the person came back with.
import * as oauth from 'oauth4webapi'
import readline from 'node:readline'

const given = JSON.parse(process.argv[2])
const insecure = { [oauth.allowInsecureRequests]: true }
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (object) => console.log(JSON.stringify(object))

const issuer = new URL(given.issuer)
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: given.algorithm, ...insecure }),
)
const client = { client_id: given.client_id }
const authentication = {
  none: () => oauth.None(),
  client_secret_basic: () => oauth.ClientSecretBasic(given.client_secret),
  client_secret_post: () => oauth.ClientSecretPost(given.client_secret),
}[given.method]()

async function validatedAccessToken(token, audience) {
  const request = new Request('http://api.example.test/', { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(as, request, audience, insecure)
}

async function codeFlow() {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: given.client_id,
    redirect_uri: given.redirect_uri,
    response_type: 'code',
    scope: given.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  say({ open: url.href })
  const back = new URL((await lines.next()).value)
  if (as.authorization_response_iss_parameter_supported !== true) throw new Error('iss is not announced')
  const parameters = oauth.validateAuthResponse(as, client, back, state)

  let response = await oauth.authorizationCodeGrantRequest(
    as, client, authentication, parameters, given.redirect_uri, verifier, insecure)
  const first = await oauth.processAuthorizationCodeResponse(as, client, response,
    { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, response, insecure)
  const claims = oauth.getValidatedIdTokenClaims(first)
  const access = await validatedAccessToken(first.access_token, given.issuer)

  response = await oauth.userInfoRequest(as, client, first.access_token, insecure)
  const userinfo = await oauth.processUserInfoResponse(as, client, claims.sub, response)

  response = await oauth.refreshTokenGrantRequest(as, client, authentication, first.refresh_token, insecure)
  const second = await oauth.processRefreshTokenResponse(as, client, response)

  const answer = { claims, access, userinfo, scope: second.scope, rotated: second.refresh_token !== first.refresh_token }
  if (given.method !== 'none') {
    response = await oauth.introspectionRequest(as, client, authentication, second.access_token, insecure)
    answer.introspection = await oauth.processIntrospectionResponse(as, client, response)
  }
  response = await oauth.revocationRequest(as, client, authentication, second.refresh_token, insecure)
  await oauth.processRevocationResponse(response)
  response = await oauth.refreshTokenGrantRequest(as, client, authentication, second.refresh_token, insecure)
  answer.after = await oauth.processRefreshTokenResponse(as, client, response).then(() => 'still good', (e) => e.error)
  return answer
}

async function machine() {
  let response = await oauth.clientCredentialsGrantRequest(
    as, client, authentication, new URLSearchParams({ scope: given.scope }), insecure)
  const token = await oauth.processClientCredentialsResponse(as, client, response)
  const access = await validatedAccessToken(token.access_token, given.issuer)
  response = await oauth.introspectionRequest(as, client, authentication, token.access_token, insecure)
  return { access, introspection: await oauth.processIntrospectionResponse(as, client, response), scope: token.scope }
}

// Nothing known but the address of the API: its refusal leads to its description, and that to the server.
async function fromTheApi() {
  const api = new URL(`${given.issuer}/v1`)
  const call = (token) => oauth.protectedResourceRequest(token, 'GET', new URL(`${api}/me`), undefined, undefined, insecure)
  const refused = await call('unknown').catch((e) => e)
  const named = refused.cause.map((each) => each.parameters.resource_metadata)
  const resource = await oauth.processResourceDiscoveryResponse(api, await oauth.resourceDiscoveryRequest(api, insecure))
  const found = new URL(resource.authorization_servers[0])
  const server = await oauth.processDiscoveryResponse(
    found, await oauth.discoveryRequest(found, { algorithm: 'oauth2', ...insecure }))
  const response = await oauth.clientCredentialsGrantRequest(server, client, authentication,
    new URLSearchParams({ scope: given.scope, resource: resource.resource }), insecure)
  const token = await oauth.processClientCredentialsResponse(server, client, response)
  const access = await validatedAccessToken(token.access_token, resource.resource)
  return { named, resource, servers: server.protected_resources, access, status: (await call(token.access_token)).status }
}

const flows = { machine, api: fromTheApi }
say({ done: await (flows[given.flow] ?? codeFlow)() })
process.exit(0)
