// Stores of node-oidc-provider, by the interface of its adapters: Valkey or Redis, and PostgreSQL.
import Redis from "ioredis";
import pg from "pg";

const epoch = () => Math.floor(Date.now() / 1000);

class RedisStore {
  constructor(model, redis) {
    this.model = model;
    this.redis = redis;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    const all = this.redis.multi().hset(key, "payload", JSON.stringify(payload));
    const names = [];
    if (payload.grantId && this.model !== "Grant") {
      all.sadd(`grant:${payload.grantId}`, key);
      names.push(`grant:${payload.grantId}`);
    }
    for (const kind of ["userCode", "uid"]) {
      if (payload[kind]) {
        all.set(`${this.model}:${kind}:${payload[kind]}`, id);
        names.push(`${this.model}:${kind}:${payload[kind]}`);
      }
    }
    if (expiresIn) for (const name of [key, ...names]) all.expire(name, expiresIn);
    await all.exec();
  }

  async find(id) {
    const { payload, consumed } = await this.redis.hgetall(this.key(id));
    if (payload === undefined) return undefined;
    return consumed ? { ...JSON.parse(payload), consumed: Number(consumed) } : JSON.parse(payload);
  }

  findByUserCode(code) {
    return this.byName("userCode", code);
  }

  findByUid(uid) {
    return this.byName("uid", uid);
  }

  async byName(kind, value) {
    const id = await this.redis.get(`${this.model}:${kind}:${value}`);
    return id === null ? undefined : this.find(id);
  }

  async consume(id) {
    await this.redis.hset(this.key(id), "consumed", epoch());
  }

  async destroy(id) {
    await this.redis.del(this.key(id));
  }

  async revokeByGrantId(grantId) {
    const name = `grant:${grantId}`;
    await this.redis.del(name, ...(await this.redis.smembers(name)));
  }
}

const TABLE = `
CREATE TABLE IF NOT EXISTS payloads (
  model text NOT NULL, id text NOT NULL, payload jsonb NOT NULL, grant_id text, user_code text, uid text,
  expires_at timestamptz, consumed_at bigint, PRIMARY KEY (model, id));
CREATE INDEX IF NOT EXISTS payloads_grant ON payloads (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payloads_user_code ON payloads (user_code) WHERE user_code IS NOT NULL;
CREATE INDEX IF NOT EXISTS payloads_uid ON payloads (uid) WHERE uid IS NOT NULL`;
const FIND = "SELECT payload, consumed_at FROM payloads WHERE model = $1 AND";
const LIVES = "AND (expires_at IS NULL OR expires_at > now())";
// Statements with names are prepared once for each connection.
const STATEMENTS = {
  upsert: `INSERT INTO payloads (model, id, payload, grant_id, user_code, uid, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
    ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
    user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`,
  find: `${FIND} id = $2 ${LIVES}`,
  findByUserCode: `${FIND} user_code = $2 ${LIVES}`,
  findByUid: `${FIND} uid = $2 ${LIVES}`,
  consume: "UPDATE payloads SET consumed_at = $3 WHERE model = $1 AND id = $2",
  destroy: "DELETE FROM payloads WHERE model = $1 AND id = $2",
  revoke: "DELETE FROM payloads WHERE model <> 'Grant' AND grant_id = $1",
};

class PostgresStore {
  constructor(model, pool) {
    this.model = model;
    this.pool = pool;
  }

  run(name, ...values) {
    return this.pool.query({ name, text: STATEMENTS[name], values });
  }

  async one(name, value) {
    const { rows } = await this.run(name, this.model, value);
    if (!rows.length) return undefined;
    const { payload, consumed_at: consumed } = rows[0];
    return consumed === null ? payload : { ...payload, consumed: Number(consumed) };
  }

  async upsert(id, payload, expiresIn) {
    const { grantId = null, userCode = null, uid = null } = payload;
    await this.run("upsert", this.model, id, payload, grantId, userCode, uid, expiresIn ?? null);
  }

  find(id) {
    return this.one("find", id);
  }

  findByUserCode(code) {
    return this.one("findByUserCode", code);
  }

  findByUid(uid) {
    return this.one("findByUid", uid);
  }

  async consume(id) {
    await this.run("consume", this.model, id, epoch());
  }

  async destroy(id) {
    await this.run("destroy", this.model, id);
  }

  async revokeByGrantId(grantId) {
    await this.run("revoke", grantId);
  }
}

// Makes a store for each model; nothing for the provider's own memory.
export async function open(kind, url) {
  if (kind === "memory") return { adapter: undefined, close: async () => {} };
  if (kind === "redis") {
    const redis = new Redis(url);
    return { adapter: (model) => new RedisStore(model, redis), close: async () => redis.disconnect() };
  }
  const pool = new pg.Pool({ connectionString: url });
  return { adapter: (model) => new PostgresStore(model, pool), close: () => pool.end() };
}

// Makes the table, where there is one; once, before anybody opens the store.
export async function prepare(kind, url) {
  if (kind !== "postgresql") return;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(TABLE);
  await client.end();
}
