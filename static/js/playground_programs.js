// A request of the playground as it goes over the wire, and as a program that sends it.
export const asHttp = ({ method, url, headers, body }) => {
  const { host, pathname, search } = new URL(url);
  const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${pathname}${search} HTTP/1.1`, ...lines, ...(body ? ["", body.toString()] : [])].join("\n");
};
const shell = text => `'${text.replaceAll("'", `'\\''`)}'`;
// The type of a form goes without saying; that of JSON does not.
const others = ({ headers, body }) => Object.entries(headers).filter(([name]) => name !== "Content-Type" || typeof body === "string");
const parts = ({ body }) => typeof body === "string" ? [] : [...body ?? []];
export const programs = {
  curl: request => ["curl -i", ...(request.method === "GET" ? [] : [`-X ${request.method}`]), shell(request.url),
    ...others(request).map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    ...(typeof request.body === "string" ? [`--data ${shell(request.body)}`] : []),
    ...parts(request).map(([name, value]) => `--data-urlencode ${shell(`${name}=${value}`)}`)].join(" \\\n  "),
  python: request => {
    const rest = [`    ${JSON.stringify(request.url)},`];
    if (others(request).length) rest.push(`    headers=${JSON.stringify(Object.fromEntries(others(request)))},`);
    if (request.body) rest.push(`    data=${JSON.stringify(typeof request.body === "string" ? request.body : parts(request))},`);
    return `import requests\n\nanswer = requests.request(\n    "${request.method}",\n${rest.join("\n")}\n    timeout=10,\n)\nprint(answer.status_code, answer.text)\n`;
  },
  node: request => {
    const options = { method: request.method, headers: Object.fromEntries(others(request)) };
    const sent = typeof request.body === "string" ? JSON.stringify(request.body) : `new URLSearchParams(${JSON.stringify(parts(request))})`;
    const body = request.body ? `, body: ${sent}` : "";
    return `const answer = await fetch(${JSON.stringify(request.url)}, {\n  ...${JSON.stringify(options)}${body},\n});\nconsole.log(answer.status, await answer.text());\n`;
  },
};

const pretty = (text, type) => {
  if (type.includes("html")) return `(an HTML page: “${text.match(/<title>([^<]*)/)?.[1] ?? ""}”)`;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};
// The request for real; nothing of this browser goes along.
export const send = async request => {
  const { method, url, headers, body } = request;
  const started = performance.now();
  const answer = await fetch(url, { method, headers, body, credentials: "omit", cache: "no-store" });
  const text = await answer.text();
  const given = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
  let json = {};
  try { json = JSON.parse(text); } catch { /* not every answer has a body */ }
  return {
    ok: answer.ok, status: answer.status, json, given, ms: Math.round(performance.now() - started), id: answer.headers.get("x-request-id"),
    head: [`HTTP ${answer.status} ${answer.statusText}`, ...given].join("\n"), text: pretty(text, answer.headers.get("content-type") ?? "") || "(no body)",
  };
};
