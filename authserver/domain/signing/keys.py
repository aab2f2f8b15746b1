"""Keys that sign tokens (RFC 7517): made, published, used, retired and removed, in this order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from authserver import database, keyring
from authserver.domain.ground import cache, horizon
from authserver.domain.record import audit
from authserver.errors import BadSettings, Conflict, NotFound, Unavailable
from authserver.lib import clock, jwk, sealing
from authserver.lib.documents import Document
from authserver.models import CacheVersion
from authserver.models import SigningKey as SigningKey  # commands name it too

ALGS = ("ES256", "RS256")
"""What we always can sign with: ES256 for access tokens, RS256 because OpenID clients expect it."""
JWKS_MAX_AGE = 300
PUBLISH_AHEAD = JWKS_MAX_AGE + 60  # a new key is in every cache before the first token signed with it
KEEP_RETIRED = 86_400 + 2 * clock.LEEWAY  # the longest life a token can have, and the clocks of others
ROTATE_AFTER = 90 * 86_400
# What becomes of a private key that is removed: nothing it could sign would be good (NIST SP 800-57, 8.3.4).
DESTROYED: Mapping[str, Any] = {"private_sealed": b""}


@dataclass(frozen=True, slots=True)
class KeySet:
    """All keys that are not removed, parsed; `signing` holds, for each algorithm, the newest first."""

    signing: dict[str, tuple[tuple[SigningKey, jwk.SigningKey], ...]]
    verifying: dict[str, jwk.VerifyKey]
    jwks: Document


def signer(alg: str = "ES256") -> jwk.SigningKey:
    """The key that signs with this algorithm now; no statement when warm. Raises Unavailable without one."""
    found = _signing(_current().signing.get(alg, ()), clock.now())
    if found is None:
        raise Unavailable("The server cannot sign right now.", f"no active {alg} key")
    return found


def verifying() -> Mapping[str, jwk.VerifyKey]:
    """The public keys by kid, among them those that sign soon and those that are retired."""
    return _current().verifying


def jwks() -> Document:
    """The published key set, made when keys change; with the database gone, the last that was known."""
    return _cache.get_or_last().jwks


def algs() -> tuple[str, ...]:
    """Algorithms that a client may choose for its ID tokens: those with a key that signs now, RS256 first."""
    now, signing = clock.now(), _current().signing
    return tuple(sorted((alg for alg, keys in signing.items() if _signing(keys, now)), reverse=True))


def every() -> list[SigningKey]:
    """All keys, newest first, removed ones too: for pages and commands."""
    with database.reading() as session:
        return list(
            session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc(), SigningKey.alg, SigningKey.kid))
        )


def state(key: SigningKey) -> str:
    """`pending`, `active`, `retired` or `removed`."""
    now = clock.now()
    if key.removed_at is not None:
        return "removed"
    if key.retired_at is not None and key.retired_at <= now:
        return "retired"
    return "active" if key.active_at <= now else "pending"


def ensure() -> None:
    """Make the first keys, once, however many processes start; raises BadSettings if stored ones cannot be opened."""
    missing = [alg for alg in ALGS if alg not in _current().signing]
    if missing:
        made = [_generate(alg) for alg in missing]  # RSA takes its time: never inside a transaction
        with database.transaction() as session:
            _lock(session)
            present = set(session.scalars(select(SigningKey.alg).where(*_lasting())))
            for key in made:
                if key.alg not in present:
                    _add(session, key, active_at=key.created_at)
    _current()


def require_openable(kid: str, private_sealed: bytes) -> None:
    """Raise BadSettings if this key, stored elsewhere, is not opened by our kek or secret key."""
    _open(SigningKey(kid=kid, private_sealed=private_sealed))


def require_all_openable() -> None:
    """The same of every stored key, whatever this process remembers of them."""
    with database.reading() as session:
        for row in session.scalars(select(SigningKey).where(SigningKey.removed_at.is_(None))):
            _open(row)


def rotate(algs: Iterable[str] = ALGS) -> list[SigningKey]:
    """Publish new keys now; they take over, and the old ones retire, once every cache has seen them."""
    return _rotate([_generate(alg) for alg in algs])


def rotate_if_due() -> list[SigningKey]:
    """Rotate the algorithms whose newest key is 90 days old, and remove what retired long ago."""
    remove_expired()
    oldest = clock.now() - ROTATE_AFTER
    due = [alg for alg, keys in _current().signing.items() if max(row.active_at for row, _ in keys) <= oldest]
    return _rotate([_generate(alg) for alg in due], if_newest_before=oldest) if due else []


def retire(kid: str, *, at_once: bool = False) -> None:
    """Take a key out of use. `at_once` is for a leaked key: nothing it signed is good any more, from now on.

    Raises NotFound, and Conflict if no other key of its algorithm could sign.
    """
    key = _find(kid)
    # A leaked key is replaced in the same transaction; who verifies with an old copy of our JWKS must fetch it again.
    replacement = _generate(key.alg) if at_once else None
    with database.transaction() as session:
        _lock(session)
        if replacement is not None:
            _succeed(session, replacement, active_at=replacement.created_at)
        elif not _others(session, key):
            raise Conflict("No other key could sign with this algorithm. Rotate it, then retire this one.")
        now = clock.now()
        values = {"retired_at": now, "removed_at": now, **DESTROYED} if at_once else {"retired_at": now}
        session.execute(update(SigningKey).where(SigningKey.kid == kid).values(values))
        cache.touch(session, "signing_keys")
        audit.record(session, "signing_key.retired", target=f"signing_key:{kid}", at_once=at_once)


def remove_expired() -> int:
    """Stop publishing keys whose last token has expired, and destroy their private halves; returns how many."""
    now = horizon.passed()
    gone = (SigningKey.removed_at.is_(None), SigningKey.retired_at <= now - KEEP_RETIRED)
    with database.transaction() as session:
        kids = list(session.scalars(select(SigningKey.kid).where(*gone)))
        if kids:
            session.execute(update(SigningKey).where(SigningKey.kid.in_(kids)).values(removed_at=now))
            cache.touch(session, "signing_keys")
            audit.record(session, "signing_key.removed", kids=kids)
        # Those that a restored backup brought back, too.
        removed = SigningKey.removed_at.is_not(None), SigningKey.private_sealed != b""
        session.execute(update(SigningKey).where(*removed).values(DESTROYED))
    return len(kids)


def rewrap() -> int:
    """Seal every private key again, under today's sealing key; returns how many."""
    sealing_key = keyring.sealing_key()
    with database.transaction() as session:
        rows = session.scalars(select(SigningKey).where(SigningKey.removed_at.is_(None))).all()
        for row in rows:
            row.private_sealed = sealing.seal(sealing_key, _open(row), _place(row.kid))
    return len(rows)


def _generate(alg: str) -> SigningKey:
    kid = "-"
    while kid.startswith("-"):  # a command line takes what begins so for an option
        pem = jwk.generate_private(alg)
        public = {name: value for name, value in jwk.load_private("", alg, pem).public_jwk.items() if name != "kid"}
        kid = jwk.thumbprint(public)
    return SigningKey(
        kid=kid,
        alg=alg,
        public_jwk=public | {"kid": kid},
        private_sealed=sealing.seal(keyring.sealing_key(), pem, _place(kid)),
        created_at=clock.now(),
    )


def _rotate(made: list[SigningKey], *, if_newest_before: int | None = None) -> list[SigningKey]:
    with database.transaction() as session:
        _lock(session)
        if if_newest_before is not None:
            # Another node may have found the same keys due: who comes second under the lock makes none.
            made = [key for key in made if _newest(session, key.alg) <= if_newest_before]
        for key in made:
            _succeed(session, key, active_at=key.created_at + PUBLISH_AHEAD)
        if made:
            audit.record(session, "signing_key.rotated", kids=[key.kid for key in made])
    return made


def _newest(session: Session, alg: str) -> int:
    newest = session.scalar(
        select(func.max(SigningKey.active_at)).where(SigningKey.alg == alg, SigningKey.removed_at.is_(None))
    )
    return newest or 0


def _lock(session: Session) -> None:
    """One change of keys at a time, on all nodes."""
    session.execute(select(CacheVersion.version).where(CacheVersion.name == "signing_keys").with_for_update())


def _add(session: Session, key: SigningKey, *, active_at: int) -> None:
    key.active_at = active_at
    session.add(key)
    session.flush()
    cache.touch(session, "signing_keys")


def _succeed(session: Session, key: SigningKey, *, active_at: int) -> None:
    """Add a key; those before it retire in the second in which it takes over."""
    session.execute(
        update(SigningKey)
        .where(SigningKey.alg == key.alg, SigningKey.removed_at.is_(None))
        .where(SigningKey.retired_at.is_(None) | (SigningKey.retired_at > active_at))
        .values(retired_at=active_at)
    )
    _add(session, key, active_at=active_at)


def _lasting() -> tuple[Any, ...]:
    return SigningKey.removed_at.is_(None), SigningKey.retired_at.is_(None)


def _others(session: Session, key: SigningKey) -> bool:
    signing = (SigningKey.alg == key.alg, SigningKey.kid != key.kid, SigningKey.active_at <= clock.now())
    return session.scalar(select(SigningKey.kid).where(*signing, *_lasting()).limit(1)) is not None


def _find(kid: str) -> SigningKey:
    with database.reading() as session:
        key = session.get(SigningKey, kid)
    if key is None or key.removed_at is not None:
        raise NotFound("There is no such signing key.")
    return key


def _signing(keys: tuple[tuple[SigningKey, jwk.SigningKey], ...], now: int) -> jwk.SigningKey | None:
    live = [(row, key) for row, key in keys if row.retired_at is None or now < row.retired_at]
    for row, key in live:
        if row.active_at <= now:
            return key
    # Made by a clock that was ahead, while no other was there: it is published, and the first is as good as any.
    ahead = [(row, key) for row, key in live if row.created_at > now + clock.NEAR]
    return min(ahead, key=lambda each: each[0].active_at)[1] if ahead else None


def _current() -> KeySet:
    return _cache.get("")


def _load(_key: str) -> KeySet:
    with database.reading() as session:
        rows = session.scalars(
            select(SigningKey).where(SigningKey.removed_at.is_(None)).order_by(SigningKey.active_at.desc())
        ).all()
    signing: dict[str, list[tuple[SigningKey, jwk.SigningKey]]] = {}
    for row in rows:
        signing.setdefault(row.alg, []).append((row, _parse(row)))
    body = json.dumps({"keys": [row.public_jwk for row in rows]}, separators=(",", ":")).encode()
    return KeySet(
        signing={alg: tuple(keys) for alg, keys in signing.items()},
        verifying={row.kid: jwk.load_public(row.public_jwk) for row in rows},
        jwks=Document.of(body),
    )


def _parse(row: SigningKey) -> jwk.SigningKey:
    # Kept by what is stored, so that a new key costs one parse and not one for each key.
    stored = (row.kid, row.alg, row.private_sealed)
    parsed = _parsed.get(stored)
    if parsed is None:
        parsed = _parsed[stored] = jwk.load_private(row.kid, row.alg, _open(row))
    return parsed


def _open(row: SigningKey) -> bytes:
    try:
        return sealing.open_sealed(keyring.sealing_keys(), row.private_sealed, _place(row.kid))
    except sealing.SealBroken:
        raise BadSettings(
            f"signing key {row.kid}: cannot be opened; kek or secret_key is another one than it was sealed with, "
            "or the stored key was changed"
        ) from None


def _place(kid: str) -> str:
    return f"signing_keys/private_sealed/{kid}"


_parsed: dict[tuple[str, str, bytes], jwk.SigningKey] = {}
_cache = cache.Cache[KeySet]("signing_keys", _load, kept=True)
