// The playground (ux.md 2.11). Whatever it learns lives in `memory`, which is gone with the page.
import { device } from "./playground_device.js";
import { logout } from "./playground_logout.js";
import { NEED, giver } from "./playground_needs.js";
import { asHttp, programs, send } from "./playground_programs.js";
import { registration } from "./playground_registration.js";
import { algorithms, base64url, button, bytes, claimRow, difference, expectNonce, make, mark, tokenView, when } from "./playground_tokens.js";

const root = document.querySelector("[data-playground]");
const { issuer, client: seeded, redirect, page } = root.dataset;
const $ = (selector, within = root) => within.querySelector(selector);
const all = (selector, within = root) => [...within.querySelectorAll(selector)];
const step = id => document.getElementById(`step-${id}`);
const memory = { spent_jwt: "" };
let usual = $("[name=scope]", step("authorize")).value.split(" ");
let flow = "code", waiting = false, pair, asked = "";

// ---- what the page knows

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const challengeOf = async verifier => base64url(await crypto.subtle.digest("SHA-256", bytes(verifier)));
const formEncoded = text => new URLSearchParams({ "": text }).toString().slice(1);
const remember = facts => {
  Object.assign(memory, facts);
  expectNonce(memory.nonce);
  const forms = new Set();
  for (const name of Object.keys(facts)) {
    for (const input of all(`[data-from="${name}"]`)) {
      input.value = memory[name] ?? "";
      forms.add(input.form);
    }
  }
  forms.forEach(preview);
  urge();
};
const renew = async () => {
  const verifier = random();
  remember({ verifier, challenge: await challengeOf(verifier), state: random(), nonce: random() });
};
const learnTokens = tokens => {
  const { access_token, refresh_token = memory.refresh_token } = tokens;
  remember({ access_token, credential: access_token, refresh_token, revocable: tokens.refresh_token ?? tokens.access_token });
};

// ---- requests: read from a form, shown as they are, copied as programs

const values = (form, changes = {}) => [...form.elements].filter(({ name }) => name)
  .map(({ name, value, dataset }) => ({ name, value: changes[name] ?? value, where: dataset.in }));

const build = (form, changes) => {
  let [method, path] = form.dataset.request.split(" ");
  const headers = {}, query = new URLSearchParams(), body = new URLSearchParams(), basic = {};
  let json = "";
  for (const { name, value, where } of values(form, changes)) {
    if (where === "method") method = value;
    else if (where === "path") path = value;
    else if (where === "basic") basic[name] = value;
    else if (!value) continue;
    else if (where === "json") json = value;
    else if (where === "bearer") headers.Authorization = `Bearer ${value}`;
    else if (where === "query") query.append(name, value);
    else if (where === "body") body.append(name, value);
  }
  if (basic.client_secret) headers.Authorization = `Basic ${btoa(`${formEncoded(basic.client_id)}:${formEncoded(basic.client_secret)}`)}`;
  else if (basic.client_id) body.append("client_id", basic.client_id);
  const url = issuer + path + ([...query].length ? `?${query}` : "");
  const sends = method === "POST" && [...body].length > 0;
  if (json) headers["Content-Type"] = "application/json";
  else if (sends) headers["Content-Type"] = "application/x-www-form-urlencoded";
  return { method, url, headers, basic, body: json || (sends ? body : null) };
};

const show = (section, request) => {
  $("[data-http=request]", section).textContent = asHttp(request);
  for (const each of all("[data-as]", section)) each.dataset.copy = programs[each.dataset.as](request);
};
function preview(form) {
  if (form?.dataset.request) show(form.closest("[data-step]"), build(form));
}

const showAnswer = (section, answer) => {
  $("[data-http=headers]", section).textContent = answer.head;
  $("[data-count]", section).textContent = `${answer.given.length} headers`;
  $("[data-http=response]", section).textContent = answer.text;
  const status = $("[data-status]", section);
  status.textContent = answer.status;
  status.className = `chip ${answer.ok ? "ok" : "bad"}`;
  $("[data-ms]", section).textContent = `${answer.ms} ms`;
  $("[data-answer]", section).hidden = false;
};
// Owners of an app or key can read which check failed.
const why = ({ id }) => id && (memory.mine || flow === "key" || flow === "jwt")
  ? [make("a", { href: `${root.dataset.errors}/${id}`, target: "_blank", rel: "noopener" }, "Why did this fail?")] : [];
const codeOf = ({ json, status }) =>
  json.error?.code ?? json.error ?? (json.active === false ? "inactive" : String(status));

// The page's own server: makes things of this person.
const tell = async (path, fields) => {
  const answer = await fetch(page + path, { method: "POST", body: new URLSearchParams(fields) });
  if (answer.redirected) { location.assign(answer.url); throw new Error("Confirm that it is you."); }
  if (!answer.ok) throw new Error(answer.status === 422 ? "The server refused it." : "Load this page again: your sign-in may have ended.");
  return answer.json();
};

// ---- steps

const way = (name, cls) => {
  const id = giver(name, currentSteps()), data = id ? { go: id } : { other: "code" };
  return button(id ? $(`[data-flow="${flow}"] [data-go=${id}] .name`).textContent : "Code with PKCE", data, cls);
};
// Primary is what can succeed now: getting what is missing, sending, or going on.
function urge(id = $("[data-step]:not([hidden])")?.dataset.step) {
  if (!id) return;
  const section = step(id), done = section.dataset.state === "done" && currentSteps().at(-1) !== id;
  const [name, words] = NEED[id] ?? [], lacks = name && !($(`[data-from=${name}]`, section)?.value ?? memory[name]);
  const maker = $("[data-for]", section);
  const unmade = maker && !$(`[name=${flow === "machine" && id === "client" ? "client_secret" : maker.dataset.for}]`, section).value;
  const first = lacks ? way(name, done ? "btn" : "btn primary") : "";
  $("[data-first]", section).replaceChildren(first && make("div", { className: "strip" }, make("span", {}, `This step needs ${words}. ${first.dataset.go ? "First" : "Paste it, or get it in another flow"}:`), first));
  $("[data-next]", section).hidden = !done;
  $("[data-send],[data-open]", section)?.classList.toggle("primary", !(done || lacks || unmade || id === "pair" && pair));
  maker?.classList.toggle("primary", !(done || lacks || !unmade));
}

const SAID = { todo: "To do", done: "Done", failed: "Failed" };
const settle = (id, state) => {
  const section = step(id), chip = $("[data-chip]", section);
  section.dataset.state = state;
  chip.textContent = SAID[state];
  chip.className = `chip ${{ done: "ok", failed: "bad" }[state] ?? ""}`;
  for (const each of all(`.rail [data-go=${id}]`)) {
    each.dataset.state = state;
    $("[data-word]", each).textContent = SAID[state].toLowerCase();
  }
  urge(id);
};
const result = (id, ...children) => $("[data-result]", step(id)).replaceChildren(...children);
const clear = id => {
  result(id);
  const answer = $("[data-answer]", step(id));
  if (answer) answer.hidden = true;
  for (const said of all("[data-outcome]", step(id))) said.replaceChildren();
};
const fail = (id, what, expected = "", received = "", more = []) => {
  settle(id, "failed");
  const facts = [["Expected", expected], ["Received", received]].filter(([, value]) => value);
  result(id, make("div", { className: "note bad" }, make("div", {}, make("strong", {}, what),
    ...facts.map(([name, value]) => make("p", {}, `${name}: `, make("code", {}, value))), ...more)));
};
const currentSteps = () => all(`[data-flow="${flow}"] [data-go]`).map(each => each.dataset.go);

const go = (id, focus = true) => {
  for (const section of all("[data-step]")) section.hidden = section.dataset.step !== id;
  for (const each of all(".rail [data-go]")) each.ariaCurrent = each.dataset.go === id ? "step" : null;
  $("[data-number]", step(id)).textContent = $(`[data-flow="${flow}"] [data-go=${id}] .dot`)?.textContent ?? "";
  preview($("form", step(id)));
  urge(id);
  if (id === "consent") asked = build($("form", step("authorize"))).url;
  if (!focus) return;
  $("h2", step(id)).focus({ preventScroll: true });
  if (innerWidth < 768 || step(id).getBoundingClientRect().top < 0) step(id).scrollIntoView({ block: "start" });
};
const choose = (name, focus = false) => {
  flow = all("[data-flow]").some(each => each.dataset.flow === name) ? name : "code";
  $("[data-flow-choice]").value = flow;
  for (const each of all("[data-flow]")) each.hidden = each.dataset.flow !== flow;
  // What was done in another flow was done with another credential; the app and the server are the same.
  for (const id of currentSteps()) {
    const kept = ["discovery", "client"].includes(id);
    settle(id, kept ? $(`[data-go=${id}]`).dataset.state ?? "todo" : "todo");
    if (!kept) clear(id);
  }
  if (memory.resource) remember({ resource: "" });
  for (const each of all("[data-only]")) each.hidden = each.dataset.only !== flow;
  history.replaceState(null, "", `#${flow}`);
  go(currentSteps()[0], focus);
};

const lookUp = async id => {
  const answer = await fetch(`${page}/apps/${encodeURIComponent(id)}`);
  remember({ mine: false });
  if (!answer.ok) return [mark(false, "None of your apps has this client ID. It may still be used here, if it comes back to this page.")];
  const found = await answer.json();
  const has = new Set(found.scope.split(" "));
  remember({
    mine: found.mine, own_scope: has.has("workflows:read") ? "workflows:read" : "",
    scope: usual.filter(name => has.has(name)).join(" ") || found.scope,
  });
  const lines = [mark(found.enabled, `${found.client_name}: ${found.public ? "a public app, without a secret" : "an app that keeps a secret"}${found.enabled ? "" : ", and it is disabled"}.`)];
  if (flow === "device") return [...lines, mark(found.grant_types.some(each => each.endsWith(":device_code")), "Devices need the grant of devices: the app of this page has it.")];
  if (!found.grant_types.includes("authorization_code")) return lines;
  if (found.comes_back) return [...lines, mark(true, "People come back to this page: its redirect URI is registered.")];
  const add = button("Add it", { allow: id }, "btn small");
  return [...lines, mark(false, "Its redirect URIs do not include ", make("code", {}, redirect), ". ", ...(found.mine ? [add] : []))];
};
const useClient = async (client_id, client_secret) => {
  const caller = client_secret ? { caller_id: client_id, caller_secret: client_secret } : {};
  remember({ client_id, client_secret, ...caller });
  const [id, secret] = ["client_id", "client_secret"].map(name => $(`[name=${name}]`, step("client")));
  [id.value, secret.value] = [client_id, client_secret];
  if (!client_id) return fail("client", "Enter a client ID, or have an app made here.");
  if (flow === "machine" && !client_secret) return fail("client", "Client credentials need an app that keeps a secret: enter its secret, or have one made here.");
  result("client", ...await lookUp(client_id));
  settle("client", "done");
};

const receive = async query => {
  waiting = false;
  $("[data-waiting]").hidden = true;
  const got = new URLSearchParams(query);
  $("[data-none]").hidden = true;
  go("callback");
  const rows = [...got].map(claimRow);
  const table = make("table", { className: "plain claims" }, make("caption", { className: "hide" }, "Parameters of the answer"), make("tbody", {}, ...rows));
  const checks = [
    ["state", memory.state, "state is the one that this page sent."],
    ["iss", issuer, "iss is this server: nobody else answered."],
  ].map(([name, expected, text]) => ({ name, expected, received: got.get(name) ?? "", good: got.get(name) === expected, text }));
  const wrong = checks.find(check => !check.good);
  settle("consent", "done");
  if (wrong) fail("callback", `${wrong.name} is not what it must be: the answer is thrown away.`, wrong.expected, wrong.received || "nothing");
  else if (got.has("error")) fail("callback", `${got.get("error")}: ${got.get("error_description") ?? ""}`);
  else {
    remember({ code: got.get("code"), last_query: query });
    settle("callback", "done");
    settle("token", "todo");
    result("callback", ...checks.map(check => mark(true, check.text)));
  }
  const again = button("Start this step again", { go: "consent" });
  $("[data-result]", step("callback")).append(table, ...(wrong || got.has("error") ? [again] : []));
};

// What a step does with the answer to its request; the others act by themselves.
const after = {
  discovery: ({ json }) => json.issuer === issuer
    ? result("discovery", mark(true, "The issuer is the address that was asked, byte for byte (RFC 8414 §3.3)."))
    : fail("discovery", "Another issuer answered.", issuer, json.issuer),
  token: async ({ json }) => {
    remember({ spent_code: memory.code, spent_token: "", id_token: json.id_token });
    learnTokens(json);
    result("token", await tokenView("Access token", json.access_token),
      ...(json.id_token ? [await tokenView("ID token", json.id_token, { open: false })] : []),
      ...(json.refresh_token ? [await tokenView("Refresh token", json.refresh_token, { open: false, note: "For the token endpoint alone, and once." })] : []),
      ...difference(json.access_token, json.id_token ?? ""));
  },
  machine: async ({ json }) => { learnTokens(json); result("machine", await tokenView("Access token", json.access_token)); },
  refresh: async ({ json }) => {
    const spent = $("[name=refresh_token]", step("refresh")).value;
    learnTokens(json);
    remember({ spent_token: spent });
    result("refresh", make("p", {}, "Spent: ", make("s", { className: "mono" }, spent)), await tokenView("New access token", json.access_token),
      ...(json.refresh_token ? [await tokenView("Its successor", json.refresh_token, { open: false, note: "For the next refresh, once." })] : []));
  },
  call: () => { if (memory.credential === memory.jwt) remember({ spent_jwt: memory.jwt }); },
  introspect: ({ json }) => result("introspect", mark(json.active, json.active
    ? `Good: ${json.credential ?? "credential"}${json.exp ? `, expires ${when(json.exp)}` : ""}.`
    : "Not good, or none of this caller’s business: the answer is the same.")),
  revoke: () => result("revoke", mark(true, "Gone. Introspect it or call the API with it to see.")),
};

const act = {
  client: form => useClient(form.elements.client_id.value.trim(), form.elements.client_secret.value),
  authorize: () => { remember({ verifier: $("[name=code_verifier]", step("authorize")).value, state: $("[name=state]", step("authorize")).value, nonce: $("[name=nonce]", step("authorize")).value }); settle("authorize", "done"); go("consent"); },
  pair: async form => {
    const alg = form.elements.alg.value, [kind] = algorithms[alg];
    const more = kind.hash ? { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) } : {};
    pair = { alg, ...await crypto.subtle.generateKey({ ...kind, ...more }, false, ["sign", "verify"]) };
    const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    pair.jwk = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, kid: crypto.randomUUID(), alg, use: "sig" }));
    result("pair", make("p", { className: "sub" }, "The public half, as JWK. The private half cannot even be read by this page."), make("pre", {}, make("code", {}, JSON.stringify(pair.jwk, null, 2))));
    $("[data-registered]").hidden = false;
    $("[data-make=keys]").classList.add("primary");
    settle("pair", "todo");
  },
  assertion: async form => {
    if (!pair) return fail("assertion", "Make a key pair first.");
    const now = Math.floor(Date.now() / 1000), { iss, aud, scope, seconds, jti } = form.elements;
    const claims = { iss: iss.value, sub: iss.value, aud: aud.value, iat: now, exp: now + Number(seconds.value), jti: jti.value, scope: scope.value || undefined };
    const input = [{ alg: pair.alg, kid: pair.jwk.kid, typ: "JWT" }, claims].map(part => base64url(bytes(JSON.stringify(part)))).join(".");
    const jwt = `${input}.${base64url(await crypto.subtle.sign(algorithms[pair.alg][1], pair.privateKey, bytes(input)))}`;
    remember({ jwt, credential: jwt, jti: random() });
    $("[name=path]", step("call")).value = "/v1/me";
    result("assertion", await tokenView("Signed JWT", jwt, { own: pair.jwk }));
    settle("assertion", "done");
  },
  key: form => { remember({ credential: form.elements.api_key.value.trim() }); result("key"); memory.credential ? settle("key", "done") : fail("key", "Enter a key, or have one made here."); },
};

const kit = { root, issuer, memory, remember, learnTokens, build, show, send, showAnswer, codeOf, why, settle, result, fail, step, $ };
for (const more of [device(kit), registration(kit), logout(kit)]) {
  Object.assign(act, more.act);
  Object.assign(after, more.after);
}

const run = async (id, form) => {
  if (act[id]) return act[id](form);
  const request = build(form), section = step(id);
  show(section, request);
  const answer = await send(request);
  showAnswer(section, answer);
  if (!answer.ok) return fail(id, answer.json.error_description ?? answer.json.error?.message ?? `The server answered ${answer.status}.`, "", codeOf(answer), why(answer));
  result(id);
  settle(id, "done");
  await after[id]?.(answer);
};

const special = name => ({ random: random(), spent_token: memory.spent_token || memory.refresh_token, broken: `${memory.credential ?? ""}`.slice(0, -1) + (memory.credential?.endsWith("x") ? "y" : "x") }[name] ?? memory[name] ?? "");
const outcomeOf = hit => $("[data-outcome]", hit.closest("li"));
const attack = async hit => {
  const { attack: id, change, expect } = hit.dataset, outcome = outcomeOf(hit);
  const form = $("form", step(id)), changes = {};
  for (const each of change.split(" ")) {
    const [name, value] = [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)];
    changes[name] = value.startsWith("@") ? special(value.slice(1)) : value;
    if (value.startsWith("@") && !changes[name]) return outcome.replaceChildren("Nothing to try it with yet. First: ", way(value.slice(1)));
  }
  // The successor is used first: a thief and the app are both at work now.
  for (let left = change.includes("@spent_token") ? memory.spent_token ? 1 : 2 : 0; left--;) {
    const used = await send(build(form));
    if (used.ok) learnTokens(used.json);
  }
  const request = build(form, changes), answer = await send(request), code = codeOf(answer);
  const good = expect.split(" ").includes(code);
  const block = (name, text) => make("pre", { tabIndex: 0, ariaLabel: name }, make("code", {}, text));
  outcome.replaceChildren(mark(good, good ? "As it should be: " : "Unexpected: ", make("code", {}, code), ` (${answer.status}). `, ...(/credential=|token=@random|nobody/.test(change) ? [] : why(answer))),
    make("details", {}, make("summary", {}, "Request and response"), block("Request", asHttp(request)), block("Response", `${answer.head}\n\n${answer.text}`)));
  const here = $("[data-step]:not([hidden])").dataset.step;
  if (here === "attacks") settle(here, good ? "done" : "failed");
  if (id === "token" && !change.includes("@spent_code")) remember({ spent_code: memory.code });
};

// One app each, with a new secret every time, which goes wherever the old one was.
const ownApp = async (more = {}) => {
  const { client_id, client_secret } = await tell("/apps", { csrf_token: root.dataset.makeClient, ...more });
  remember({ caller_id: client_id, caller_secret: client_secret, ...(memory.client_id === client_id ? { client_secret } : {}) });
  if (memory.client_id === client_id) $("[name=client_secret]", step("client")).value = client_secret;
  return { client_id, client_secret };
};
const makes = {
  client: async () => { const made = await ownApp(); await useClient(made.client_id, made.client_secret); },
  caller: () => ownApp(),
  keys: async () => {
    const { client_id } = await ownApp({ jwks: JSON.stringify(pair.jwk) });
    remember({ jwt_client: client_id });
    $("[data-make=keys]").classList.remove("primary");
    $("[data-result]", step("pair")).prepend(mark(true, "Registered with the app ", make("code", {}, client_id), "."));
    settle("pair", "done");
  },
  key: async () => { $("[name=api_key]").value = (await tell("/keys", { csrf_token: root.dataset.makeKey })).key; urge(); },
  registration: async () => { $("[name=initial_access_token]").value = (await tell("/registration-tokens", { csrf_token: root.dataset.makeRegistration })).token; preview($("form", step("register"))); urge(); },
};

// ---- the tab in which the person signs in

const channel = new BroadcastChannel("playground");
channel.addEventListener("message", ({ data }) => {
  if (!waiting || data.state !== memory.state) return;
  channel.postMessage({ taken: data.state });
  receive(data.query);
});
const openTab = () => {
  waiting = true;
  if (!open(asked, "_blank")) { waiting = false; return leave(); }
  $("[data-waiting]").hidden = false;
};
// Leaving the page loses its memory, so what the callback needs is put down, and picked up at once.
const leave = () => {
  const { client_id, verifier, challenge, state, nonce } = memory;
  sessionStorage.setItem("playground", JSON.stringify({ client_id, verifier, challenge, state, nonce }));
  location.assign(asked);
};
const pickUp = async () => {
  const kept = sessionStorage.getItem("playground");
  sessionStorage.removeItem("playground");
  const { query, ...facts } = kept ? JSON.parse(kept) : {};
  if (!query) return;
  await useClient(facts.client_id, "");
  remember(facts);
  for (const id of ["discovery", "authorize"]) settle(id, "done");
  await receive(query);
};

// Back without an answer: nothing is left lying about.
addEventListener("pageshow", ({ persisted }) => { if (persisted) sessionStorage.removeItem("playground"); });

// ---- the page

const permalink = () => {
  const said = { flow };
  for (const [id, names] of [["client", ["client_id"]], ["authorize", ["scope", "resource", "prompt"]]]) {
    for (const name of names) said[name] = $(`[name=${name}]`, step(id)).value;
  }
  return `${issuer}${new URL(page, issuer).pathname}#${new URLSearchParams(Object.entries(said).filter(([, value]) => value))}`;
};
const busy = async (hit, section, job) => {
  hit.disabled = true;
  try { await job(); } catch (error) { if (section) fail(section.dataset.step, error.message); else outcomeOf(hit).textContent = error.message; }
  hit.disabled = false;
};

root.addEventListener("submit", event => {
  event.preventDefault();
  const section = event.target.closest("[data-step]");
  busy($("[data-send]", section), section, () => run(section.dataset.step, event.target));
});
root.addEventListener("input", async ({ target }) => {
  if (target.name === "code_verifier" && target.dataset.in === "none") remember({ verifier: target.value, challenge: await challengeOf(target.value) });
  preview(target.form);
  urge();
});
root.addEventListener("click", ({ target }) => {
  const on = name => target.closest(`[data-${name}]`);
  const section = target.closest("[data-step]");
  let hit;
  if ((hit = on("go"))) go(hit.dataset.go);
  else if ((hit = on("other"))) choose(hit.dataset.other, true);
  else if ((hit = on("next"))) go(currentSteps()[currentSteps().indexOf(section.dataset.step) + 1]);
  else if (on("open")) openTab();
  else if (on("here")) leave();
  else if ((hit = on("attack"))) busy(hit, null, () => attack(hit));
  else if ((hit = on("make"))) busy(hit, section, makes[hit.dataset.make]);
  else if ((hit = on("allow"))) busy(hit, section, async () => { await tell(`/apps/${encodeURIComponent(hit.dataset.allow)}/redirect-uri`, { csrf_token: root.dataset.comeBack }); result("client", ...await lookUp(hit.dataset.allow)); });
  else if ((hit = on("forge"))) {
    const query = new URLSearchParams(memory.last_query ?? { code: "kaie_ac_stolen", state: memory.state, iss: issuer });
    query.set(hit.dataset.forge, hit.dataset.forge === "state" ? random() : "https://attacker.example");
    receive(query.toString());
  }
});
$("[data-flow-choice]").addEventListener("change", ({ target }) => choose(target.value));
document.querySelector("[data-permalink]").addEventListener("click", event => { event.currentTarget.dataset.copy = permalink(); }, true);

const wanted = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : { flow: location.hash.slice(1) });
for (const name of ["scope", "resource", "prompt"]) if (wanted.get(name)) $(`[name=${name}]`, step("authorize")).value = wanted.get(name);
if (wanted.get("scope")) usual = wanted.get("scope").split(" ");
const first = wanted.get("client_id") ?? seeded;
$("[name=client_id]", step("client")).value = first;
remember({ client_id: first, client_secret: "", jti: random() });
await renew();
choose(wanted.get("flow") || "code");
await pickUp();
