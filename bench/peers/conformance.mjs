// Whether a store does what the provider asks of its adapters: node conformance.mjs <redis|postgresql> <url>
import assert from "node:assert/strict";
import { open, prepare } from "./stores.mjs";

const [kind, url] = process.argv.slice(2);
await prepare(kind, url);
const { adapter, close } = await open(kind, url);
const [tokens, sessions, codes, grants] = ["RefreshToken", "Session", "DeviceCode", "Grant"].map((each) => adapter(each));

await tokens.upsert("one", { jti: "one", grantId: "g1", scope: "a" }, 60);
assert.deepEqual(await tokens.find("one"), { jti: "one", grantId: "g1", scope: "a" });
assert.equal(await tokens.find("nobody"), undefined);
assert.equal(await sessions.find("one"), undefined, "a model has its own ids");

await tokens.upsert("one", { jti: "one", grantId: "g1", scope: "b" }, 60);
assert.equal((await tokens.find("one")).scope, "b", "the same id is replaced");
await tokens.consume("one");
assert.ok(Math.abs((await tokens.find("one")).consumed - Date.now() / 1000) < 5, "when it was consumed is told");

await sessions.upsert("s", { jti: "s", uid: "u" }, 60);
assert.equal((await sessions.findByUid("u")).jti, "s");
assert.equal(await sessions.findByUid("v"), undefined);
await codes.upsert("d", { jti: "d", userCode: "ABCD" }, 60);
assert.equal((await codes.findByUserCode("ABCD")).jti, "d");
assert.equal(await codes.findByUserCode("EFGH"), undefined);

await grants.upsert("g1", { jti: "g1" }, 60);
await tokens.upsert("two", { jti: "two", grantId: "g1" }, 60);
await tokens.upsert("three", { jti: "three", grantId: "g2" }, 60);
await tokens.revokeByGrantId("g1");
assert.equal(await tokens.find("one"), undefined);
assert.equal(await tokens.find("two"), undefined);
assert.equal((await tokens.find("three")).jti, "three", "another grant's stays");
assert.equal((await grants.find("g1")).jti, "g1", "the grant itself is ended by its own verb");

await tokens.destroy("three");
assert.equal(await tokens.find("three"), undefined);
await tokens.upsert("short", { jti: "short" }, 1);
await new Promise((done) => setTimeout(done, 1300));
assert.equal(await tokens.find("short"), undefined, "what has expired is not found");
await close();
console.log("conforms");
