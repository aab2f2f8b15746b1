// The device flow (RFC 8628): two codes, and a device that asks at its pace until a person has answered.
import { button, make, mark, tokenView } from "./playground_tokens.js";

export const device = ({ root, memory, remember, learnTokens, build, show, send, showAnswer, codeOf, why, settle, result, fail, step, $ }) => {
  let wake, turn = 0;
  // Whoever is impatient wakes it: then it asks too early, as a bad device would.
  const pause = seconds => new Promise(done => { wake = done; setTimeout(done, seconds * 1000); });
  root.addEventListener("click", ({ target }) => { if (target.closest("[data-hurry]")) wake?.(); });

  const codes = ({ json }) => {
    const { device_code, user_code, verification_uri, verification_uri_complete: whole, interval = 5, expires_in } = json;
    remember({ device_code, interval, device_ends: Date.now() + expires_in * 1000 });
    turn++;
    settle("poll", "todo");
    result("poll");
    $("[data-code]", step("poll")).textContent = user_code;
    const link = $("[data-verify]", step("poll"));
    [link.href, link.hidden] = [whole ?? verification_uri, false];
    result("device", mark(true, "The device shows ", make("b", { className: "mono" }, user_code), ` and ${verification_uri}, and asks every ${interval} s.`));
  };

  const poll = async form => {
    const mine = ++turn, section = step("poll"), lines = make("ol", { className: "sub" });
    const hurry = button("Ask again at once", { hurry: "" }, "btn small");
    result("poll", make("p", { role: "status" }, "The device asks, and waits."), lines, hurry);
    for (let every = memory.interval ?? 5; mine === turn;) {
      const request = build(form);
      show(section, request);
      const answer = await send(request), code = codeOf(answer);
      showAnswer(section, answer);
      if (mine !== turn) return;
      if (answer.ok) {
        learnTokens(answer.json);
        remember({ id_token: answer.json.id_token });
        result("poll", lines, await tokenView("Access token", answer.json.access_token));
        return settle("poll", "done");
      }
      if (code === "slow_down") every += 5;
      else if (code !== "authorization_pending") return fail("poll", answer.json.error_description ?? code, "a token", code, why(answer));
      lines.append(make("li", {}, make("code", {}, code), code === "slow_down" ? `: too early, so from now on 5 s more (RFC 8628 §3.5). Next in ${every} s.` : `: nobody has answered yet. Next in ${every} s.`));
      await pause(every);
    }
  };
  return { after: { device: codes }, act: { poll } };
};
