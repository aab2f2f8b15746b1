// What a step of the playground needs from one before it, in words, and which steps give it.
export const NEED = {
  authorize: ["client_id", "an app"], consent: ["client_id", "an app"], token: ["code", "a code"],
  machine: ["client_secret", "an app with a secret"], call: ["credential", "a credential"],
  introspect: ["credential", "a credential"], refresh: ["refresh_token", "a refresh token"],
  revoke: ["revocable", "a token"], assertion: ["jwt_client", "a registered key"], attacks: ["access_token", "tokens"],
  poll: ["device_code", "a code of a device"], read: ["registration_path", "an app that registered itself"],
  update: ["registration_path", "an app that registered itself"], remove: ["registration_path", "an app that registered itself"],
  described: ["described_path", "the address of the description"], logout: ["id_token", "an ID token"], heard: ["sid", "a sign-out"],
};
const GIVE = {
  client_id: ["client"], client_secret: ["client"], code: ["consent"], jwt_client: ["pair"], spent_jwt: ["call"],
  device_code: ["device"], registration_path: ["register"], described_path: ["stranger"], id_token: ["token"], sid: ["logout"],
};
const TOKENS = ["token", "poll", "machine", "assertion", "key"];
// The step among these that gives it; none, where another flow does.
export const giver = (name, steps) => (GIVE[name] ?? TOKENS).find(id => steps.includes(id));
