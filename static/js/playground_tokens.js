// Tokens as the playground shows them: decoded and checked in the page, never sent anywhere for it.
export const bytes = text => new TextEncoder().encode(text);
export const base64url = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const fromBase64url = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), char => char.charCodeAt(0));

export const make = (tag, facts = {}, ...children) => {
  const { data, ...plain } = facts;
  const element = Object.assign(document.createElement(tag), plain);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
};
export const button = (label, data, className = "btn") => make("button", { type: "button", className, data }, label);
const sign = good => document.getElementById(good ? "tick" : "cross").content.cloneNode(true);
export const mark = (good, ...words) => make("p", { className: good ? "ok-text" : "bad-text" }, sign(good), " ", ...words);

const { issuer } = document.querySelector("[data-playground]").dataset;
let keys, nonce;
export const expectNonce = value => { nonce = value; };
const keySet = async () => keys ??= (await (await fetch(`${issuer}/.well-known/jwks.json`, { credentials: "omit" })).json()).keys;
export const algorithms = {
  ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  RS256: [{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, { name: "RSASSA-PKCS1-v1_5" }],
  PS256: [{ name: "RSA-PSS", hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }],
  EdDSA: [{ name: "Ed25519" }, { name: "Ed25519" }],
};
const parsed = token => {
  try {
    const [header, claims] = token.split(".").slice(0, 2).map(part => JSON.parse(new TextDecoder().decode(fromBase64url(part))));
    return { header, claims };
  } catch { return null; }
};
const verified = async (token, { alg, kid }, own) => {
  const jwk = own ?? (await keySet()).find(key => key.kid === kid);
  if (!jwk) return mark(false, `No published key is called ${kid}.`);
  const [kind, scheme] = algorithms[alg];
  const { kty, crv, x, y, n, e } = jwk;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y, n, e }, kind, false, ["verify"]);
  const [head, body, signature] = token.split(".");
  const good = await crypto.subtle.verify(scheme, key, fromBase64url(signature), bytes(`${head}.${body}`));
  return mark(good, good ? "The signature is good: " : "The signature is not good: ", `${alg} with the key `, make("code", {}, jwk.kid ?? "you made"), own ? "." : " of the published set.");
};
const clock = seconds => {
  const two = number => String(number).padStart(2, "0");
  const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
  return `${hours ? `${hours}:` : ""}${hours ? two(Math.floor(rest / 60)) : Math.floor(rest / 60)}:${two(rest % 60)}`;
};
export const when = epoch => {
  const left = epoch - Math.floor(Date.now() / 1000);
  return left > 0 ? `in ${clock(left)}` : `${clock(-left)} ago`;
};
const words = {
  iss: "who issued it", sub: "whom it is about", aud: "whom it is for", client_id: "the app that asked", azp: "the app that asked",
  scope: "what it may do", jti: "its own number, so that no two are alike", nonce: value => value === nonce ? "the nonce of this page: it answers this request" : "not the nonce of this page",
  at_hash: "binds the access token beside it", sid: "the sign-in it comes from", amr: "how the person proved who they are", acr: "how sure that is",
  exp: value => `expires ${when(value)}`, iat: value => `issued ${when(value)}`, nbf: value => `good from ${when(value)}`, auth_time: value => `signed in ${when(value)}`,
};
export const claimRow = ([name, value]) => {
  const said = words[name];
  const inWords = typeof said === "function" ? make("span", { data: { epoch: value, claim: name } }, said(value)) : said ?? "";
  return make("tr", {}, make("th", { scope: "row" }, make("code", {}, name)),
    make("td", {}, make("code", {}, typeof value === "string" ? value : JSON.stringify(value)), make("span", { className: "sub" }, inWords)));
};
export const tokenView = async (title, token, { open = true, note = "", own } = {}) => {
  const found = parsed(token);
  const copy = button(make("span", {}, "Copy"), { copy: token }, "btn small");
  const view = make("details", { className: "token", open }, make("summary", {}, make("b", {}, title)), make("div", { className: "row" }, make("code", { className: "grow raw", tabIndex: 0 }, token), copy));
  if (!found) view.append(make("p", { className: "sub" }, note || "Opaque: it says nothing by itself. Ask by introspection."));
  else {
    view.append(await verified(token, found.header, own).catch(error => mark(false, `It could not be checked: ${error.message}`)));
    const table = make("table", { className: "plain claims" }, make("caption", { className: "hide" }, title));
    table.append(make("tbody", {}, ...Object.entries(found.header).map(([name, value]) => claimRow([`header.${name}`, value])), ...Object.entries(found.claims).map(claimRow)));
    view.append(table);
  }
  return view;
};
setInterval(() => {
  for (const span of document.querySelectorAll("[data-epoch][data-claim]")) {
    const said = words[span.dataset.claim];
    if (/exp|iat|nbf|auth_time/.test(span.dataset.claim)) span.textContent = said(Number(span.dataset.epoch));
  }
}, 1000);
export const claimsOf = token => parsed(token)?.claims;
export const difference = (access, id) => {
  const [one, two] = [parsed(access)?.claims, parsed(id)?.claims];
  if (!one || !two) return [];
  const only = (these, those) => Object.keys(these).filter(name => !(name in those)).join(" ") || "nothing";
  return [make("p", { className: "sub" }, `The access token is for APIs, the ID token for the app. Only the access token has ${only(one, two)}; only the ID token has ${only(two, one)}.`)];
};

