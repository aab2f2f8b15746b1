// A webhook receiver with nothing but Node.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.WEBHOOK_SECRET;
if (!secret) throw new Error("Set WEBHOOK_SECRET.");
const header = (process.env.HEADER ?? "X-Kaie-Signature").toLowerCase();
const maxBytes = 256 * 1024;
const seen = new Set(); // a database, in a real one

// Whether the signature was made over exactly these bytes.
const isGenuine = (rawBody, signature) => {
  const expected = Buffer.from("sha256=" + createHmac("sha256", secret).update(rawBody).digest("hex"));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
};

// Whether it was sent within the last five minutes.
const isFresh = timestamp => /^\d+$/.test(timestamp) && Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300;

const server = createServer(async (request, response) => {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBytes) return response.writeHead(413).end();
    chunks.push(chunk);
  }
  const rawBody = Buffer.concat(chunks);
  // The raw body first: only then is it worth parsing.
  if (!isGenuine(rawBody, request.headers[header] ?? "")) return response.writeHead(401).end();
  if (!isFresh(request.headers["webhook-timestamp"] ?? "")) return response.writeHead(401).end();
  const event = JSON.parse(rawBody);
  if (!seen.has(event.id)) { // at least once means: sometimes twice
    seen.add(event.id);
    console.log(event.type, event.id);
  }
  response.writeHead(204).end();
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1");
