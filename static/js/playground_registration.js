// Apps that register themselves (RFC 7591, RFC 7592), and what leads an MCP client to it (RFC 9728).
import { claimRow, make, mark } from "./playground_tokens.js";

export const registration = ({ issuer, memory, remember, build, show, send, showAnswer, codeOf, settle, result, fail, step, $ }) => {
  const learn = json => remember({
    registration_access_token: json.registration_access_token ?? memory.registration_access_token,
    registration_path: new URL(json.registration_client_uri).pathname,
    // What it may say of itself, ready to be changed: all that it was told, without what the server says alone.
    changes: JSON.stringify(Object.fromEntries(Object.entries(json).filter(([name]) =>
      !/^(registration_|client_secret|client_id_issued)/.test(name))), null, 1),
  });
  const facts = json => make("table", { className: "plain claims" }, make("caption", { className: "hide" }, "The app as it is registered"),
    make("tbody", {}, ...Object.entries(json).filter(([name]) => !/token|secret$/.test(name)).map(claimRow)));
  const told = id => ({ json }) => { learn(json); result(id, facts(json)); };

  const register = ({ json }) => {
    learn(json);
    remember({ client_id: json.client_id, client_secret: json.client_secret ?? "", scope: json.scope ?? "" });
    for (const name of ["client_id", "client_secret"]) $(`[name=${name}]`, step("client")).value = memory[name];
    result("register", mark(true, "Registered: ", make("code", {}, json.client_id), ". With its registration access token it reads, changes and removes itself."), facts(json));
  };
  const remove = () => {
    result("remove", mark(true, "Gone, with every token it had. Read it now to see: 401."));
    remember({ client_id: "" });
  };

  // A refusal is what is wanted here: it says where to go on.
  const stranger = async form => {
    const request = build(form), section = step("stranger");
    show(section, request);
    const answer = await send(request);
    showAnswer(section, answer);
    const where = /resource_metadata="([^"]+)"/.exec(answer.given.find(line => line.startsWith("www-authenticate:")) ?? "")?.[1];
    if (answer.status !== 401 || !where) return fail("stranger", "A stranger has to be shown the way.", "401 with resource_metadata", codeOf(answer));
    remember({ described_path: new URL(where).pathname });
    settle("stranger", "done");
    result("stranger", mark(true, "401, as it should be: the description is at ", make("code", {}, where), "."));
  };
  const described = ({ json }) => {
    const [first] = json.authorization_servers ?? [];
    if (first !== issuer) return fail("described", "Another authorization server stands first.", issuer, first ?? "none");
    remember({ resource: json.resource });
    $("[name=path]", step("call")).value = $("[name=path]", step("stranger")).value;
    result("described", mark(true, "It is ", make("code", {}, json.resource), ", and clients ask this server for tokens: only the first entry counts, byte for byte."));
  };
  return { after: { register, read: told("read"), update: told("update"), remove, described }, act: { stranger } };
};
