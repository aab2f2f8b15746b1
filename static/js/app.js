// Small conveniences on pages that work without them; everything is found by its data- attribute.
const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const announce = text => {
  const region = $("[data-announce]");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
};

// [data-copy="text"]: copies, says so beside the button and aloud.
const copy = async button => {
  const label = $("span", button) ?? button;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Plain http on another host has no clipboard API.
    const area = Object.assign(document.createElement("textarea"), { value: button.dataset.copy });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) { announce("Copying failed. Select the text and copy it."); return; }
  }
  announce("Copied");
  if (button.classList.contains("copied")) return;
  button.classList.add("copied");
  if (label !== button) label.textContent = "Copied";
  setTimeout(() => {
    button.classList.remove("copied");
    if (label !== button) label.textContent = before;
  }, 1800);
};

const download = ({ dataset }) => {
  const href = URL.createObjectURL(new Blob([dataset.text + "\n"], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href, download: dataset.download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
};

// [data-pair="textarea id"]: a new key pair; the public half goes there, the private one into a file and nowhere else.
const pair = async ({ dataset }) => {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const key = { kty, crv, x, y, kid: crypto.randomUUID(), alg: "ES256", use: "sig" };
  const der = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey))));
  const text = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g).join("\n")}\n-----END PRIVATE KEY-----`;
  document.getElementById(dataset.pair).value = JSON.stringify({ keys: [key] }, null, 2);
  download({ dataset: { text, download: "private-key.pem" } });
  announce("The private key was saved as private-key.pem. Save the form to register the public one.");
};

// [data-show="input id"]: the password in the clear, until the form is sent.
const show = button => {
  const input = document.getElementById(button.dataset.show);
  const visible = input.type === "password";
  input.type = visible ? "text" : "password";
  button.setAttribute("aria-pressed", visible);
  button.textContent = visible ? "Hide" : "Show";
  input.focus();
};

// [data-rows="name"]: one text field per row. Names that end in -N (FieldList) get the next number.
const renumber = (row, number) => {
  const input = $("input", row);
  const remove = $("[data-remove]", row);
  input.id = input.id.replace(/\d+$/, number);
  input.name = input.name.replace(/-\d+$/, `-${number}`);
  for (const element of [input, remove]) {
    element?.setAttribute("aria-label", element.getAttribute("aria-label").replace(/\d+$/, number + 1));
  }
};
const addRow = (rows, value = "") => {
  const last = all(".rowitem", rows).at(-1);
  const row = last.cloneNode(true);
  $(".err", row)?.remove();
  const input = $("input", row);
  input.removeAttribute("aria-invalid");
  input.removeAttribute("aria-describedby");
  renumber(row, Number(input.id.match(/\d+$/)[0]) + 1);
  input.value = value;
  last.after(row);
  return input;
};
const removeRow = button => {
  const rows = button.closest("[data-rows]");
  const row = button.closest(".rowitem");
  if (all(".rowitem", rows).length === 1) {
    $("input", row).value = "";
    $("input", row).focus();
    return;
  }
  const neighbour = row.previousElementSibling?.matches(".rowitem") ? row.previousElementSibling : row.nextElementSibling;
  row.remove();
  $("input", neighbour).focus();
  announce("Removed");
};

document.addEventListener("click", event => {
  const on = selector => event.target.closest(selector);
  let hit;
  if ((hit = on("[data-copy]"))) copy(hit);
  else if ((hit = on("[data-download]"))) download(hit);
  else if ((hit = on("[data-pair]"))) pair(hit);
  else if ((hit = on("[data-show]"))) show(hit);
  else if ((hit = on("[data-remove]"))) removeRow(hit);
  else if ((hit = on("[data-add]"))) {
    event.preventDefault();
    addRow(hit.closest("[data-rows]")).focus();
  }
  for (const menu of all("[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});

// Many lines pasted into one row become many rows.
document.addEventListener("paste", event => {
  const rows = event.target.closest?.("[data-rows]");
  const lines = event.clipboardData.getData("text").split(/\s+/).filter(Boolean);
  if (!rows || lines.length < 2) return;
  event.preventDefault();
  event.target.value = lines.shift();
  lines.reduce((_, line) => addRow(rows, line), null).focus();
});

document.addEventListener("focusin", ({ target }) => {
  if (target.matches("[data-select]")) getSelection().selectAllChildren(target);
});

// [data-caps="hint id"]
document.addEventListener("keyup", event => {
  const hint = event.target.dataset?.caps && document.getElementById(event.target.dataset.caps);
  if (hint) hint.hidden = !event.getModifierState?.("CapsLock");
});

// A shown password is a password again when the form goes, so that browsers offer to save it.
document.addEventListener("submit", event => {
  for (const button of all("[data-show][aria-pressed=true]", event.target)) show(button);
});

// [data-enables="id"] on a checkbox: the control is usable once it is ticked.
for (const tick of all("[data-enables]")) {
  const target = document.getElementById(tick.dataset.enables);
  const sync = () => { target.disabled = !tick.checked; };
  tick.addEventListener("change", sync);
  sync();
}

// [data-reveals="id"]: the element is shown while the checkbox or radio is ticked.
for (const tick of all("[data-reveals]")) {
  const target = document.getElementById(tick.dataset.reveals);
  const sync = () => { target.hidden = !tick.checked; };
  (tick.form ?? document).addEventListener("change", sync);
  sync();
}

// [data-mirror="id"]: shows what is typed there.
for (const copy of all("[data-mirror]")) {
  const input = document.getElementById(copy.dataset.mirror);
  const before = copy.textContent;
  input?.addEventListener("input", () => { copy.textContent = input.value.trim() || before; });
}

// [data-match="name"]: the form's last button waits until the name is typed.
for (const input of all("[data-match]")) {
  const button = [...input.form.elements].filter(element => element.type === "submit").at(-1);
  const sync = () => { button.disabled = input.value.trim() !== input.dataset.match; };
  input.addEventListener("input", sync);
  sync();
}

// [data-delay="500"]: against click-jacking and double clicks.
for (const button of all("[data-delay]")) {
  button.disabled = true;
  setTimeout(() => { button.disabled = false; }, Number(button.dataset.delay));
}

// [data-filter="id"]: hides the children of id that lack the typed text.
for (const input of all("[data-filter]")) {
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const child of document.getElementById(input.dataset.filter).children) {
      child.hidden = !child.textContent.toLowerCase().includes(wanted);
    }
  });
}

// [data-submit]: a select that sends its form when changed.
document.addEventListener("change", ({ target }) => target.matches("[data-submit]") && target.form.requestSubmit());

// [data-remembers="cookie"]: the theme, on this page at once and on the next ones; nothing is asked of the server.
document.addEventListener("change", ({ target }) => {
  const form = target.closest("[data-remembers]");
  if (!form) return;
  document.documentElement.dataset.theme = target.value;
  for (const each of all(`[data-remembers] [value=${target.value}]`)) each.checked = true;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${form.dataset.remembers}=${target.value}; path=/; max-age=31536000; samesite=lax${secure}`;
});

// [data-guard]: leaving before the secret is saved asks first, whatever leads away but its own buttons.
const guard = $("[data-guard]");
if (guard) {
  const saved = () => $("[data-enables]", guard)?.checked;
  let leaving = false;
  document.addEventListener("submit", ({ target }) => { leaving = guard.contains(target); });
  addEventListener("beforeunload", event => { if (!leaving && !saved()) event.preventDefault(); });
}

for (const time of all("time[data-epoch]")) {
  const local = new Date(time.dataset.epoch * 1000);
  time.title += `\n${local.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })} your time`;
}

// Single keys, which can be switched off (WCAG 2.1.4).
const shortcuts = $("#shortcuts");
const off = $("[data-shortcuts-off]");
const remembered = { get: () => { try { return localStorage.shortcuts; } catch { return ""; } }, set: value => { try { localStorage.shortcuts = value; } catch { /* private mode */ } } };
if (off) {
  off.checked = remembered.get() === "off";
  off.addEventListener("change", () => remembered.set(off.checked ? "off" : "on"));
}
document.addEventListener("keydown", event => {
  if (event.key === "Escape") {
    for (const menu of all("[data-menu][open]")) { menu.open = false; $("summary", menu).focus(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || off?.checked || event.target.matches("input, textarea, select")) return;
  if (event.key === "/" && $("[data-search]")) {
    event.preventDefault();
    $("[data-search]").select();
  } else if (event.key === "?" && shortcuts) shortcuts.showModal();
});

// Where the side bar is taller than the window, it shows where one is.
$(".side [aria-current]")?.scrollIntoView({ block: "nearest" });

for (const focus of all("[data-focus]")) focus.focus();
