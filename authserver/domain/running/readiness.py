"""Ready for production? A short list of what a serious installation has, cheap enough to ask on every view."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from authserver import config, database
from authserver.domain.ground import last_runs, usage
from authserver.domain.limits import tiers
from authserver.domain.running import set_aside, standing
from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock, networks
from authserver.models import User
from authserver.observability import metrics

# Twice the age at which signing keys are rotated: older ones mean that nobody does it.
OLDEST_KEY_SECONDS = 180 * 86_400


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to have; while it is missing, `advice` says why and `command` what to type or to set."""

    title: str
    done: bool
    advice: str
    command: str
    page: str = ""  # its path below the issuer, where what is missing is seen and mended


def checklist() -> tuple[Item, ...]:
    """What is done and what is missing."""
    settings, (admins, retention, backup) = config.current(), _rows()
    return (
        Item("Own data", not settings.demo, "This is the demo. The real thing starts with", "authserver serve"),
        Item("Issuer over https", settings.https, "Set the https address that people will use:", "AUTHSERVER_ISSUER"),
        Item("Mail", bool(settings.smtp_url), "Without it nobody can reset a password:", "AUTHSERVER_SMTP_URL"),
        Item("Second admin", admins > 1, "One lost password locks everybody out:", "authserver user create --admin"),
        Item("Fresh signing keys", _keys_are_fresh(), "They are older than half a year:", "authserver jwks rotate"),
        _known_proxies(),
        Item(
            "Clocks agree", _clocks_agree(), "This machine's is apart from the database's:", "timedatectl set-ntp true"
        ),
        Item("Counting together", not tiers.lost(), "A storage of rate limits is lost:", "authserver doctor"),
        Item("Whole log", not metrics.lines_dropped(), "Nobody takes its lines from stderr:", "authserver doctor"),
        _last_run(last_runs.RETENTION, retention),
        _last_run(last_runs.BACKUP, backup),
        _nothing_set_aside(),
        Item("PostgreSQL", not settings.sqlite, "SQLite serves one machine only:", "AUTHSERVER_DATABASE_URL"),
    )


def _last_run(name: str, ended_at: int) -> Item:
    title, advice, command = {
        last_runs.RETENTION: ("Worker", "Nothing that expired was deleted for an hour:", "authserver worker"),
        last_runs.BACKUP: ("Backup", "None was made for two days:", "authserver backup FILE"),
    }[name]
    return Item(title, not last_runs.is_overdue(name, ended_at), advice, command)


def _nothing_set_aside() -> Item:
    said = set_aside.in_words(set_aside.counts())
    return Item("Everything sent", not said, f"Given up, and kept for three days: {said}.", "", set_aside.PAGE)


def unknown_proxies() -> list[str]:
    """Addresses from which the requests of many people came within a day, though they are no trusted proxies."""
    found = usage.subjects("unknown_proxy", since=clock.now() - usage.DAY)
    trusted = networks.parse(",".join(config.current().trusted_proxies))
    peers = [subject.removeprefix("peer:") for subject in found]
    return [peer for peer in peers if not networks.contains(trusted, peer)]


def _known_proxies() -> Item:
    peers = unknown_proxies()
    about = f"Many people's requests come from {peers[0]}. If that is your own proxy, name it:" if peers else ""
    return Item("Known proxies", not peers, about, "AUTHSERVER_TRUSTED_PROXIES")


def _clocks_agree() -> bool:
    return abs(standing.known().skew) <= standing.SKEW_SHOWN


def _rows() -> tuple[int, int, int]:
    """How many administrators may sign in, and when each run last ended (0 for never), in one statement."""
    admins = select(func.count()).select_from(User).where(User.role == "admin", User.disabled_at.is_(None))
    ends = [last_runs.ended(name) for name in (last_runs.RETENTION, last_runs.BACKUP)]
    with database.reading() as session:
        count, retention, backup = session.execute(select(admins.scalar_subquery(), *ends)).one()
    return int(count), int(retention or 0), int(backup or 0)


def _keys_are_fresh() -> bool:
    now = clock.now()
    active = [key for key in signing_keys.every() if signing_keys.state(key) == "active"]
    newest = {alg: max((key.active_at for key in active if key.alg == alg), default=0) for alg in signing_keys.ALGS}
    return all(now - at < OLDEST_KEY_SECONDS for at in newest.values())
