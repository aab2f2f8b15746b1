// Signing out (OpenID Connect RP-Initiated and Back-Channel Logout 1.0): the app's request, and what it hears.
import { claimsOf, make, mark, tokenView } from "./playground_tokens.js";

export const logout = ({ root, issuer, memory, remember, build, show, send, showAnswer, settle, result, fail, step, $ }) => {
  const ask = hinted => {
    const form = $("form", step("logout")), request = build(form, hinted ? {} : { id_token_hint: "" });
    show(step("logout"), request);
    remember({ sid: claimsOf(memory.id_token ?? "")?.sid ?? "" });
    open(request.url, "_blank", "noopener");
    settle("logout", "done");
    result("logout", mark(true, hinted
      ? "With the ID token of this very sign-in nobody is asked: it ends at once, and the app's address is gone to."
      : "Without a hint anybody could have made this link, so the person is asked first."));
  };
  root.addEventListener("click", ({ target }) => {
    const hit = target.closest("[data-sign-out]");
    if (hit) ask(hit.dataset.signOut === "hint");
  });

  const heard = async form => {
    const section = step("heard"), request = build(form), until = Date.now() + 15_000;
    show(section, request);
    for (;;) {
      const answer = await send(request);
      showAnswer(section, answer);
      const [first] = answer.json.heard ?? [];
      if (first) {
        const { aud, sid, iss, nonce } = claimsOf(first.logout_token);
        const checks = [[iss === issuer, "iss is this server."], [aud === first.client_id, "aud is the app."], [sid === memory.sid, "sid is that of the ID token."], [nonce === undefined, "There is no nonce: it can be taken for no ID token."]];
        result("heard", ...checks.map(([good, text]) => mark(good, text)), await tokenView("Logout token", first.logout_token));
        return settle("heard", "done");
      }
      if (Date.now() > until) return fail("heard", "The receiver heard of no sign-out within 15 s.", "a logout token", "none yet", [make("p", { className: "sub" }, "Was the sign-out allowed in the other tab? Has this app that address for sign-outs?")]);
      await new Promise(done => setTimeout(done, 1000));
    }
  };
  return { after: {}, act: { heard } };
};
