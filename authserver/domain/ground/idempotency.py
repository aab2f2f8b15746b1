"""Idempotency keys: who repeats a creation gets the first answer again, and nothing is made twice (contract 11.34)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from authserver import database, keyring
from authserver.domain.ground import batches
from authserver.errors import Conflict, Invalid
from authserver.lib import clock, sealing, secrets
from authserver.models import IdempotencyKey

ANSWER_SECONDS = 600
REMEMBERED_SECONDS = 86_400
Headers = list[tuple[str, str]]
_FORM = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Started:
    """The place of a first request; `answer` is (status, headers, body) where it was answered before."""

    digest: bytes
    token: str
    answer: tuple[int, Headers, str] | None = None


def start(holder: str, place: str, key: str, body: bytes) -> Started:
    """Take a key for one creation. Of several requests at once, one gets it.

    `holder` names the credential, `place` the method and path. Raises ValueError for a malformed key, Invalid for
    another body, Conflict while the first request runs, and once its answer is no longer kept.
    """
    if not _FORM.fullmatch(key):
        raise ValueError("not an idempotency key")
    digest, now = secrets.digest("\0".join((holder, place, key))), clock.now()
    started = Started(digest, f"{keyring.key('idempotency').hex()}\0{key}")
    row = {
        "digest": digest,
        "request_digest": secrets.digest(body.decode("latin-1")),
        "created_at": now,
        "expires_at": now + REMEMBERED_SECONDS,
    }
    with database.writing() as connection:
        # A key that is forgotten by now may be used anew.
        connection.execute(
            delete(IdempotencyKey).where(IdempotencyKey.digest == digest, IdempotencyKey.expires_at < now)
        )
        taken = connection.execute(
            database.insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.digest)
        ).one_or_none()
    return started if taken is not None else _repeated(started, row["request_digest"])


def finish(started: Started, status: int, headers: Headers, body: str) -> None:
    """Keep the answer, readable only for who presents the key again."""
    head = "".join(f"{name}: {value}\n" for name, value in headers)
    values = {"status": status, "answer_sealed": sealing.seal_with_token(started.token, f"{head}\n{body}")}
    with database.writing() as connection:
        connection.execute(update(IdempotencyKey).where(IdempotencyKey.digest == started.digest).values(values))


def abandon(started: Started) -> None:
    """Give a key back after a refusal: nothing was made, and a corrected request may use it."""
    with database.writing() as connection:
        connection.execute(delete(IdempotencyKey).where(IdempotencyKey.digest == started.digest))


def forget_answers() -> int:
    """Delete the answers that are no longer given again; how many."""
    old = IdempotencyKey.created_at < clock.now() - ANSWER_SECONDS
    return batches.blank_all(IdempotencyKey, IdempotencyKey.answer_sealed.is_not(None), old, answer_sealed=None)


def _repeated(started: Started, request_digest: object) -> Started:
    with database.reading() as session:
        row = session.scalar(select(IdempotencyKey).where(IdempotencyKey.digest == started.digest))
    if row is None or (row.status is None and row.request_digest == request_digest):
        raise Conflict("The first request with this Idempotency-Key is still running, or was cut off.")
    if row.request_digest != request_digest:
        raise Invalid("This Idempotency-Key came with another body before.", field="Idempotency-Key")
    if row.created_at < clock.now() - ANSWER_SECONDS or row.answer_sealed is None or row.status is None:
        raise Conflict("This was done before, and its answer is no longer kept.")
    answer = sealing.open_with_token(started.token, row.answer_sealed)
    if answer is None:
        raise Conflict("This was done before, and its answer can no longer be read.")
    head, _, body = answer.rpartition("\n")  # JSON in a line has no other
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in head.splitlines())]
    return Started(started.digest, started.token, (row.status, headers, body))
