"""Apps that register themselves, blocked by host, by name or by id; judged at use, so that it reaches all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from sqlalchemy import delete, func, literal, select

from authserver import database
from authserver.domain.ground import cache, lists, usage
from authserver.domain.record import audit
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, visible_text
from authserver.models import BlockedApp, Client, Consent, UsageCount
from authserver.observability import context

HOST, NAME, ID = "host", "name", "id"
MAX = 1000
MAX_LISTED = 500
# Of the client of the statement around it.
_ALLOWING = select(literal(1)).where(Consent.client_id == Client.id, Consent.revoked_at.is_(None)).correlate(Client)
_CONSENTS = select(func.count()).select_from(_ALLOWING.limit(lists.COUNTED + 1).subquery()).scalar_subquery()
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


class App(Protocol):
    """What is judged: a row, or what somebody wants to register."""

    @property
    def name(self) -> str: ...
    @property
    def homepage(self) -> str: ...
    @property
    def redirect_uris(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Block:
    """One of them, as it is compared."""

    kind: str
    value: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Registrations that look the same, newest first; how many consents they have (each counted to lists.COUNTED + 1),
    and the beginning of the hour in which one last got a token.
    """

    clients: tuple[Client, ...]
    consents: int
    last_used_at: int | None
    blocked: bool

    @property
    def newest(self) -> Client:
        return self.clients[0]


def all() -> tuple[Block, ...]:
    """Every block, newest first; no statement when warm."""
    return _cache.get("")


def find(app: App, id: str = "") -> Block | None:
    """The block that an app falls under, if there is one."""
    blocks = all()
    if not blocks:
        return None
    name, hosts = _folded(app.name), _hosts(app)
    for block in blocks:
        if block.kind == ID and block.value == id:
            return block
        if block.kind == NAME and block.value == name:
            return block
        if block.kind == HOST and any(host == block.value or host.endswith("." + block.value) for host in hosts):
            return block
    return None


def block(what: str, *, kind: str = "") -> Block:
    """Block a host with everything below it, a name, or one app by its id. Raises Invalid.

    Without a kind: an id that is there, else a host by its form, else a name.
    """
    kind, value = _read(_id_of(what.strip()), kind)
    with database.transaction() as session:
        if (session.scalar(select(func.count()).select_from(BlockedApp)) or 0) >= MAX:
            raise Invalid(f"There are {MAX} blocks, which is the limit.")
        row = session.get(BlockedApp, (kind, value))
        if row is None:
            row = BlockedApp(
                kind=kind, value=value, created_at=clock.now(), created_by=context.current().actor[:64]
            )  # fmt: skip
            session.add(row)
            cache.touch(session, "clients")
            audit.record(session, "client.blocked", target=f"blocked_app:{kind}", kind=kind, name=value)
    return Block(row.kind, row.value, row.created_at)


def unblock(what: str, *, kind: str = "") -> None:
    """Take a block back: apps that fell under it work again. Raises NotFound."""
    which = [BlockedApp.kind == kind] if kind else []
    values = {_id_of(what.strip()), what.strip().lower(), _folded(what)}
    with database.transaction() as session:
        gone = delete(BlockedApp).where(BlockedApp.value.in_(values), *which).returning(BlockedApp.kind)
        kinds = session.scalars(gone, execution_options={"synchronize_session": False}).all()
        if not kinds:
            raise NotFound("There is no such block.")
        cache.touch(session, "clients")
        for each in kinds:
            audit.record(session, "client.unblocked", target=f"blocked_app:{each}", kind=each, name=what.strip()[:255])


def listed() -> list[Listed]:
    """Apps that registered themselves, newest first, identical ones folded into one line (contract 11.55)."""
    with database.reading() as session:
        which = select(Client).where(Client.self_registered.is_(True), Client.deleted_at.is_(None))
        rows = session.scalars(which.order_by(Client.created_at.desc(), Client.id).limit(MAX_LISTED)).all()
        ids = [row.id for row in rows]
        counts = session.execute(select(Client.id, _CONSENTS).where(Client.id.in_(ids)))
        consents = {client_id: int(total) for client_id, total in counts}
        used = {each.removeprefix("client:"): hour for each, hour in session.execute(_hours(ids))}
    return [_folded_line(each, consents, used) for each in _groups(rows)]


def _hours(ids: Sequence[str]) -> Any:
    subjects = UsageCount.subject.in_([f"client:{each}" for each in ids])
    counted = (UsageCount.metric == usage.TOKENS, UsageCount.sample.is_(False))
    return select(UsageCount.subject, func.max(UsageCount.hour)).where(subjects, *counted).group_by(UsageCount.subject)


def _groups(rows: Sequence[Client]) -> list[list[Client]]:
    groups: dict[tuple[str, ...], list[Client]] = {}
    for row in rows:
        groups.setdefault((row.name, row.homepage, *sorted(row.redirect_uris)), []).append(row)
    return list(groups.values())


def _folded_line(rows: list[Client], consents: dict[str, int], used: dict[str, int]) -> Listed:
    last = [used[row.id] for row in rows if row.id in used]
    total = sum(consents.get(row.id, 0) for row in rows)
    return Listed(tuple(rows), total, max(last, default=None), any(find(row, row.id) for row in rows))


def _read(what: str, kind: str) -> tuple[str, str]:
    if kind not in ("", HOST, NAME, ID):
        raise Invalid("Choose host, name or id.", field="kind")
    if not 1 <= len(what) <= 255 or not what.isprintable():
        raise Invalid("Enter a host, a name or a client id.", field="what")
    if kind == ID or (not kind and _is_id(what)):
        return ID, what
    if kind == HOST or (not kind and _HOST.fullmatch(what.lower())):
        if not _HOST.fullmatch(what.lower()):
            raise Invalid("A host looks like app.example.com.", field="what")
        return HOST, what.lower()
    return NAME, _folded(what)


def _id_of(what: str) -> str:
    """The id of an app that is named by the URL of its document; everything else as it is."""
    with database.reading() as session:
        return session.scalar(select(Client.id).where(Client.document_url == what)) or what


def _is_id(what: str) -> bool:
    with database.reading() as session:
        return session.get(Client, what) is not None


def _folded(name: str) -> str:
    # Spaces as pages show them: many beside each other are one.
    shown = visible_text.without_blanks(name)
    return " ".join(unicodedata.normalize("NFKC", shown).casefold().split())[:255]


def _hosts(app: App) -> set[str]:
    """Every host that an app names: where it leads to over https, its homepage, and where its document is."""
    web = (uri for uri in app.redirect_uris if uri.startswith("https://"))
    return set().union(*map(_host_of, (*web, app.homepage, getattr(app, "document_url", None) or "")))


def _host_of(url: str) -> set[str]:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return set()
    return {host.lower()} if host else set()


def _load(_key: str) -> tuple[Block, ...]:
    with database.autocommit() as connection:
        rows = connection.execute(
            select(BlockedApp.kind, BlockedApp.value, BlockedApp.created_at).order_by(
                BlockedApp.created_at.desc(), BlockedApp.value
            )
        )
        return tuple(Block(*row) for row in rows)


_cache = cache.Cache[tuple[Block, ...]]("clients", _load)
