"""Slowing down guessing, per account and per address, in a way that locks nobody out (contract.md 11.26)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, update

from authserver import config, database
from authserver.errors import RateLimited
from authserver.lib import clock, durations, secrets
from authserver.models import AttemptCounter

WINDOW_SECONDS = 15 * 60
RESETS_PER_ACCOUNT = 5
RESETS_PER_ADDRESS = 20
# Each tells by its answer whether an address has an account, and sends its person a mail.
OFFERS_PER_PERSON = 20
# Anybody may register an app where registration is open, and each is a row until it is a day old.
REGISTRATIONS_PER_ADDRESS = 20
# Codes of devices that a person types wrong (RFC 8628 section 5.1): 20 of one network guess one of 2^34.
USER_CODES_PER_PERSON = 5
USER_CODES_PER_ADDRESS = 20
# Each change of one is an event of the log, for years; whoever may make many apps changes them all.
REVISIONS_PER_ADDRESS = 100
# Every sign-in costs a password hash, the right ones too: what nobody signs in often enough to reach.
SIGN_INS_PER_ACCOUNT = 300
SIGN_INS_PER_ADDRESS = 1500
# A provider hands out many /64 of one /48: together they may do what a few subscribers may.
NETWORK_SHARE = 4
UNKNOWN = "unknown"  # what is no address, such as a socket's


@dataclass(frozen=True, slots=True)
class Attempt:
    """Places in the budgets, taken before the guess is looked at; `last` says that no further one is left."""

    places: tuple[tuple[str, int], ...]  # (bucket, end of its window)
    last: bool = False


def begin_sign_in(email: str, *, ip: str, device: bytes | None) -> Attempt:
    """Take a place for one guess at a password; raises RateLimited when the budget is spent.

    A browser that signed this account in before (`device`, the digest of its cookie) has a budget of its own,
    so that whoever guesses elsewhere, or from the same network, does not lock its person out. An unknown name
    is counted like a known one.
    """
    settings = config.current()
    work = (
        (_work_bucket(email), SIGN_INS_PER_ACCOUNT),
        *_of_address("sign-ins address", ip, SIGN_INS_PER_ADDRESS),
    )
    if device is not None:
        known = f"sign-in device {device.hex()[:40]} {_short(email)}"
        return _begin((known, settings.login_failures_per_account), kept=work)
    return _begin(
        (account_bucket(email), settings.login_failures_per_account),
        *_of_address("sign-in address", ip, settings.login_failures_per_address),
        kept=work,
    )


def begin_reset(email: str, *, ip: str) -> Attempt:
    """Take a place for one request of a reset link."""
    return _begin(
        (f"reset account {_short(email)}", RESETS_PER_ACCOUNT), *_of_address("reset address", ip, RESETS_PER_ADDRESS)
    )


def begin_sign_up(email: str, *, ip: str) -> Attempt:
    """Take a place for one request of a new account."""
    return _begin(
        (f"sign-up account {_short(email)}", RESETS_PER_ACCOUNT),
        *_of_address("sign-up address", ip, RESETS_PER_ADDRESS),
    )


def begin_offer(user_id: str) -> Attempt:
    """Take a place for one offer of an app to somebody, whom it may not reach."""
    return _begin((f"offer account {_short(user_id)}", OFFERS_PER_PERSON))


def begin_registration(*, ip: str) -> Attempt:
    """Take a place for one registration of an app by whoever asks."""
    return _begin(*_of_address("registration address", ip, REGISTRATIONS_PER_ADDRESS))


def begin_user_code(user_id: str, *, ip: str) -> Attempt:
    """Take a place for one code of a device that somebody types, which may be a guess."""
    return _begin(
        (f"user code account {_short(user_id)}", USER_CODES_PER_PERSON),
        *_of_address("user code address", ip, USER_CODES_PER_ADDRESS),
    )


def begin_revision(*, ip: str) -> Attempt:
    """Take a place for one change of a registration by whoever holds its token."""
    return _begin(*_of_address("revision address", ip, REVISIONS_PER_ADDRESS))


def refund(attempt: Attempt) -> None:
    """Give the places back: the guess was right. The work that it cost stays counted."""
    with database.writing() as connection:
        for bucket, window_ends_at in attempt.places:
            _give_back(connection, bucket, window_ends_at)


def clear(email: str) -> None:
    """Forget what was counted for one account, whatever the device."""
    with database.transaction() as session:
        session.execute(
            delete(AttemptCounter).where(
                AttemptCounter.bucket.in_((account_bucket(email), _work_bucket(email)))
                | AttemptCounter.bucket.like(f"sign-in device % {_short(email)}")
            )
        )


def account_bucket(email: str) -> str:
    """The bucket that counts guesses at one account from unknown devices."""
    return f"sign-in account {_short(email)}"


def _work_bucket(email: str) -> str:
    return f"sign-ins account {_short(email)}"


def address_key(ip: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 subscriber has to himself."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def _of_address(kind: str, ip: str, limit: int) -> tuple[tuple[str, int], ...]:
    """The budgets of an address: its own, and of IPv6 the /48's, too."""
    return tuple((f"{kind} {network}", share * limit) for network, share in networks_of(ip))


def networks_of(ip: str) -> tuple[tuple[str, int], ...]:
    """What an address counts as, and how many times its budget that has: itself, and of IPv6 the /48, too."""
    own, network = address_key(ip), _wide(ip)
    return ((own, 1), (network, NETWORK_SHARE)) if network else ((own, 1),)


def _wide(ip: str) -> str:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped:
        return ""
    return str(ipaddress.ip_network((int(address), 48), strict=False))


def _begin(*budgets: tuple[str, int], kept: tuple[tuple[str, int], ...] = ()) -> Attempt:
    """Count in every bucket, first come first served; who is refused is counted in none, else those who were right and
    get their places back would leave behind what was refused meanwhile.

    What is counted in `kept` is never refunded: it stands for work, whatever came of it.
    """
    taken: list[tuple[str, int]] = []
    last, full = False, None
    with database.writing() as connection:
        for bucket, limit in (*budgets, *kept):
            count, window_ends_at = _count(connection, bucket)
            taken.append((bucket, window_ends_at))
            if count > limit:
                full = bucket, window_ends_at
                break
            last = last or (count == limit and bucket == budgets[0][0])
        for place in taken if full else ():
            _give_back(connection, *place)
    if full:
        raise _too_many(*full)
    return Attempt(tuple(taken[: len(budgets)]), last)


def _count(connection: Connection, bucket: str) -> tuple[int, int]:
    """One atomic statement: parallel guesses each get a number of their own."""
    now = clock.now()
    over = AttemptCounter.window_ends_at <= now
    statement = database.insert(AttemptCounter).values(bucket=bucket, count=1, window_ends_at=now + WINDOW_SECONDS)
    row = connection.execute(
        statement.on_conflict_do_update(
            index_elements=[AttemptCounter.bucket],
            set_={
                "count": case((over, 1), else_=AttemptCounter.count + 1),
                "window_ends_at": case((over, now + WINDOW_SECONDS), else_=AttemptCounter.window_ends_at),
            },
        ).returning(AttemptCounter.count, AttemptCounter.window_ends_at)
    ).one()
    return int(row.count), int(row.window_ends_at)  # type: ignore[call-overload]  # Row.count is the column here


def _give_back(connection: Connection, bucket: str, window_ends_at: int) -> None:
    connection.execute(
        update(AttemptCounter)
        .where(
            AttemptCounter.bucket == bucket,
            AttemptCounter.window_ends_at == window_ends_at,
            AttemptCounter.count > 0,
        )
        .values(count=AttemptCounter.count - 1)
    )


def _too_many(bucket: str, window_ends_at: int) -> RateLimited:
    wait = max(1, window_ends_at - clock.now())
    return RateLimited(
        f"Too many attempts. Try again in {durations.in_words(wait)}.", f"budget spent: {bucket}", retry_after=wait
    )


def _short(email: str) -> str:
    # A digest has one length, and the table of failures is no list of addresses.
    return secrets.digest(email).hex()[:40]
