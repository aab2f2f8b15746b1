import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

// Whether the value of {{ header }} was made over exactly these bytes.
export function isGenuine(rawBody, signature, secret) {
  const expected = Buffer.from("sha256=" + createHmac("sha256", secret).update(rawBody).digest("hex"));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

// node verify.mjs "$SIGNATURE" < body.json
if (process.argv[1]?.endsWith("verify.mjs")) {
  const genuine = isGenuine(readFileSync(0), process.argv[2], process.env.WEBHOOK_SECRET);
  if (!genuine) console.error("This was not signed with your secret.");
  process.exit(genuine ? 0 : 1);
}
