"""The database and what is in it: its schema and clock, the role, signing keys, idle privileges, last runs."""

from __future__ import annotations

from collections.abc import Iterator

from authserver import config
from authserver.cli import opening
from authserver.cli.doctor.findings import Finding
from authserver.config import Settings
from authserver.lib import clock, durations

OLD_KEY = 100 * 86_400  # keys rotate after 90 days if `worker` runs


def database(settings: Settings) -> Iterator[Finding]:
    from authserver.domain.running import schema, standing

    with opening.opened(settings, any_schema=True):
        schema.reachable()
        kind = "SQLite, for one machine" if settings.sqlite else "PostgreSQL"
        stands = standing.look()
        found = stands.checks["database"]
        fine = found == standing.OK
        yield Finding("database", "ok" if fine else "bad", f"{kind}; it can be written" if fine else found)
        status = schema.status()
        fine = status.fits
        remedy = "authserver migrate" if status.state in ("empty", "behind") else ""
        yield Finding("migrations", "ok" if fine else "bad", status.sentence, remedy)
        if fine:
            yield _database_clock(stands.skew, sqlite=settings.sqlite)
        if fine and not settings.sqlite:
            yield from _role()
        if fine and settings.secret_key:
            yield from _keys()
        if fine:
            yield from _privileges()
            yield from _runs()
            yield _set_aside()


def _database_clock(skew: float, *, sqlite: bool) -> Finding:
    """This machine's clock beside the database's, by which the server goes."""
    from authserver.domain.running import standing

    fine = abs(skew) <= standing.SKEW_SHOWN
    text = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the {'server' if sqlite else 'database'}'s"
    remedy = "set the machine's clock right, then restart the server" if sqlite else "timedatectl set-ntp true"
    return Finding("database clock", "ok" if fine else "bad", text, "" if fine else remedy)


def _privileges() -> Iterator[Finding]:
    """Apps whose privileges do not count, because of who owns them, or of their subjects (contract 11.36)."""
    from authserver.domain.clients import privileges

    for each in privileges.idle():
        said = " and ".join(privileges.PRIVILEGES[name] for name in each.privileges)
        owner = f"{each.owner_email} is no administrator" if each.owner_email else "nobody vouches for it"
        text = f"{each.client_id} ({each.name}) {said}, which does not count: {owner}"
        remedy = f"transfer it to an administrator: {config.current().issuer}/apps/{each.client_id}/danger"
        yield Finding("idle privilege", "warn", text, remedy)
    for each in privileges.pairwise():
        text = f"{each.client_id} ({each.name}) has {' and '.join(each.privileges)}, which pairwise subjects leave idle"
        remedy = f"take that away, or choose public subjects: {config.current().issuer}/apps/{each.client_id}/scopes"
        yield Finding("idle privilege", "warn", text, remedy)


def _runs() -> Iterator[Finding]:
    """When what expired was last deleted, and the last backup was made, by whichever process of any machine."""
    from authserver.domain.ground import last_runs

    done = last_runs.known()
    remedies = {last_runs.RETENTION: "authserver worker", last_runs.BACKUP: "authserver backup FILE"}
    for name, remedy in remedies.items():
        late = last_runs.is_overdue(name, done[name])
        text = f"{durations.in_words(clock.now() - done[name])} ago" if done[name] else "never"
        yield Finding(f"last {name}", "warn" if late else "ok", text, remedy if late else "")


def _set_aside() -> Finding:
    """Mails and sign-outs that nobody took."""
    from authserver.domain.running import set_aside

    found = set_aside.in_words(set_aside.counts())
    text = f"given up: {found}" if found else "no mail and no sign-out was given up"
    remedy = f"authserver job list, or {config.current().issuer}{set_aside.PAGE}" if found else ""
    return Finding("set aside", "warn" if found else "ok", text, remedy)


def _role() -> Iterator[Finding]:
    from authserver.domain.running import roles

    rights = roles.rights()
    if rights.superuser or rights.owner:
        kind = "a superuser" if rights.superuser else "the schema's owner"
        remedy = "a role of its own for the server, see docs/operations: AUTHSERVER_MIGRATE_DATABASE_URL"
        yield Finding("database role", "warn", f"{kind}: it could rewrite the audit log", remedy)
    else:
        yield Finding("database role", "ok", "reads and writes rows, and owns nothing")


def _keys() -> Iterator[Finding]:
    from authserver.domain.signing import keys as signing_keys

    now = clock.now()
    for alg in signing_keys.ALGS:
        signing_keys.signer(alg)
        since = max(
            (key.active_at for key in signing_keys.every() if key.alg == alg and key.active_at <= now), default=0
        )
        old = now - since > OLD_KEY
        yield Finding(
            f"signing key {alg}",
            "warn" if old else "ok",
            f"in use for {durations.in_words(now - since)}",
            "authserver worker   (rotates them), or now: authserver jwks rotate" if old else "",
        )
