"""Ready for production? A short list of what a serious installation has, cheap enough to ask on every view."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from authserver import config, database
from authserver.domain import signing_keys
from authserver.lib import clock
from authserver.models import User

# Twice the age at which signing keys are rotated: older ones mean that nobody does it.
OLDEST_KEY_SECONDS = 180 * 86_400


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to have; `advice` says what to do while it is missing."""

    title: str
    done: bool
    advice: str


def checklist() -> tuple[Item, ...]:
    """What is done and what is missing."""
    settings = config.current()
    return (
        Item("Own data", not settings.demo, "This is the demo. `authserver serve` starts the real thing."),
        Item("Issuer over https", settings.https, "Set AUTHSERVER_ISSUER to the https address people will use."),
        Item("Mail", bool(settings.smtp_url), "Set AUTHSERVER_SMTP_URL, so that people can reset their password."),
        Item("Second admin", _admins() > 1, "Make one: authserver user create EMAIL --admin"),
        Item("Fresh signing keys", _keys_are_fresh(), "Rotate them: authserver jwks rotate"),
        Item("PostgreSQL", not settings.sqlite, "SQLite serves one machine; set AUTHSERVER_DATABASE_URL for more."),
    )


def _admins() -> int:
    with database.reading() as session:
        active = select(func.count()).select_from(User).where(User.role == "admin", User.disabled_at.is_(None))
        return session.scalar(active) or 0


def _keys_are_fresh() -> bool:
    now = clock.now()
    active = [key for key in signing_keys.every() if signing_keys.state(key) == "active"]
    newest = {alg: max((key.active_at for key in active if key.alg == alg), default=0) for alg in signing_keys.ALGS}
    return all(now - at < OLDEST_KEY_SECONDS for at in newest.values())
