// Answers apps that ask from their frame whether their person is still signed in here (OpenID Session Management 1.0, 3.2).

const { cookie } = document.documentElement.dataset;

function state() {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${cookie}=`));
  return found ? found.slice(cookie.length + 1) : "";
}

async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}

// "unchanged", "changed", or "error" for what is no question: a client id and the session_state of its sign-in.
async function judged(question, origin) {
  const words = typeof question === "string" ? question.split(" ") : [];
  const [hash, salt, ...rest] = (words[1] ?? "").split(".");
  if (words.length !== 2 || !words[0] || !hash || !salt || rest.length) return "error";
  return (await digest(`${words[0]} ${origin} ${state()} ${salt}`)) === hash ? "unchanged" : "changed";
}

addEventListener("message", async (event) => {
  if (!event.source || event.source === window || event.origin === "null") return;
  event.source.postMessage(await judged(event.data, event.origin), event.origin);
});
