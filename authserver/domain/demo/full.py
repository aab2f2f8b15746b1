"""A full installation of long data: pages as they look after years; filling twice changes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from authserver import config, database
from authserver.domain.access import gateway_routes, resources, roles, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.clients import clients, ownership
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients import transfers as client_transfers
from authserver.domain.clients.metadata import Registration
from authserver.domain.demo import full_history, long_texts, seeding
from authserver.domain.ground import cache
from authserver.domain.people import users
from authserver.lib import clock, secrets
from authserver.models import ApiKey, Client, Consent, Grant, SignInSession, User

PEOPLE, APPS, KEYS, SESSIONS = 64, 44, 33, 8
MOST_REDIRECT_URIS = 40
DAY = 86_400
_KINDS = ("web", "spa", "native", "machine", "resource_server")
_LEVELS = ("read_only", "read_write", "full_access")
_API = "https://api.example.com/" + "departments/" * 14 + "v1"


def fill() -> None:
    """Add what is missing. The passwords and secrets of all that is made here are known to nobody."""
    admin, alice = (users.find_by_email(email) for email in (seeding.ADMIN, seeding.ALICE))
    assert admin is not None and alice is not None  # noqa: S101  # seeded just before
    _access()
    with database.transaction() as session:
        if _missing(session, User, _person(2)):
            session.execute(insert(User), [_person_row(number) for number in range(2, PEOPLE)])
    for number in range(APPS):
        _app(admin if number % 4 == 3 else alice, number)
    with database.transaction() as session:
        if _missing(session, ApiKey, _key(0)):
            _fill_rows(session, admin, alice)
            full_history.fill(session, (admin, alice), [_app_id(each) for each in range(APPS)],
                              [_key(each) for each in range(KEYS)])  # fmt: skip
    _in_transit(admin, alice)


def _missing(session: Session, model: Any, id: str) -> bool:
    return session.get(model, id) is None


def _person(number: int) -> str:
    return f"usr_Full{number:016}"


def _app_id(number: int) -> str:
    return f"cl_Full{number:016}"


def _key(number: int) -> str:
    return f"key_Full{number:016}"


def _access() -> None:
    """APIs, scopes and a route table with names at the edge of what a form takes."""
    if resources.find(_API) is None:
        resources.create(_API, long_texts.UNBROKEN)
    for place, (name, title) in enumerate(long_texts.SCOPES):
        if name not in scopes.all():
            level = "write" if name.endswith("write") else "read"
            scopes.create(
                ScopeFacts(name, title, "It cannot delete anything.", level, optional=place % 2 == 1, position=200)
            )
    if gateway_routes.find("every-department") is None:
        rules = "\n".join(f"GET,HEAD /departments/{'section/' * 12}{each}/** analytics:read" for each in range(12))
        gateway_routes.create("every-department", gateway_routes.parse(rules))


def _person_row(number: int) -> dict[str, Any]:
    now = clock.now()
    created = now - number * number * DAY // 5
    return {
        "id": _person(number),
        "email": long_texts.email(number),
        "username": f"full-{number:03}",
        "chosen_name": "" if number % 9 == 0 else long_texts.name(number),
        "role": "admin" if number % 20 == 0 else "user",
        "password_hash": None if number % 11 == 0 else "!",  # no password fits
        "email_verified_at": created,
        "disabled_at": now - DAY if number % 13 == 0 else None,
        "created_at": created,
        "person_updated_at": created,
        "last_login_at": None if number % 5 == 0 else now - number * 3600,
    }


def _app(owner: User, number: int) -> None:
    """One app by the rules that forms have; some are switched off, deleted, or have two secrets."""
    if clients.find_afresh(_app_id(number)) is not None:
        return
    row, secret = clients.register(owner, _registration(number, admin=owner.is_admin), trusted=True, installation=False)
    if secret is not None and number % 8 == 0:
        client_secrets.rotate(None, row.id, DAY)
    now = clock.now()
    aged: dict[str, Any] = {"created_at": now - number * 9 * DAY, "self_registered": number % 10 == 1}
    if number % 10 == 6:
        aged |= {"disabled_at": now - DAY, "disabled_by": "admin"}
    if number % 14 == 9:
        aged |= {"deleted_at": now - DAY}
    with database.transaction() as session:
        session.execute(update(Client).where(Client.id == row.id).values(**aged))
        cache.touch(session, "clients")


def _registration(number: int, *, admin: bool) -> Registration:
    kind = _KINDS[number % (5 if admin else 4)]  # an API's server is an administrator's
    signs_in = kind in ("web", "spa", "native")
    person = ("openid", "profile", "email", "offline_access") if signs_in else ()
    count = MOST_REDIRECT_URIS if number % 15 == 0 else 1 + number % 4
    return Registration(
        name=long_texts.name(number),
        kind=kind,
        client_id=_app_id(number),
        redirect_uris=long_texts.redirect_uris(number, count) if signs_in else (),
        scopes=() if kind == "resource_server" else (*person, *(name for name, _ in long_texts.SCOPES)),
        resources=() if kind == "resource_server" else (_API,),
        resource_server_for=(_API,) if kind == "resource_server" else (),
        homepage=f"https://{'very-long-department-name.' * (number % 3)}example.com/",
        description=(long_texts.name(number + 5) + " – what it is for, in more words than fit on one line. ") * 3,
        contacts=(long_texts.email(7),),
        rate_limit="999999999/hour" if number % 6 == 2 else None,
    )


def _fill_rows(session: Session, admin: User, alice: User) -> None:
    session.execute(insert(ApiKey), [_key_row(admin if each % 4 == 3 else alice, each) for each in range(KEYS)])
    session.execute(
        insert(SignInSession), [_session_row(who, each) for who in (admin, alice) for each in range(SESSIONS)]
    )
    allowed = session.scalars(
        select(Client.id).where(Client.kind.in_(("web", "spa", "native")), Client.id.startswith("cl_Full"))
    ).all()
    told = [(who, app) for who in (alice, admin) for app in allowed[:16]]
    session.execute(insert(Consent), [_consent_row(who, app, each) for each, (who, app) in enumerate(told)])
    session.execute(insert(Grant), [_grant_row(who, app, each) for each, (who, app) in enumerate(told)])


def _key_row(owner: User, number: int) -> dict[str, Any]:
    value, now = secrets.generate(config.current().slug, "ak"), clock.now()
    return {
        "id": _key(number),
        "digest": secrets.digest(value),
        "hint": secrets.hint(value),
        "name": long_texts.name(number),
        "note": long_texts.name(number + 3) * (number % 3),
        "owner_id": owner.id,
        "permission": _LEVELS[number % 3],
        "rate_limit": "999999999/hour" if number % 6 == 1 else None,
        "allowed_networks": ["10.0.0.0/8", "2001:db8:ffff:ffff::/64"] * (number % 7),
        "created_at": now - number * 2 * DAY,
        "expires_at": None if number % 5 == 0 else now + (number - 6) * DAY,
        "revoked_at": now - 3600 if number % 9 == 4 else None,
        "last_used_at": None if number % 6 == 0 else now - number * 977,
        "last_used_ip": "" if number % 6 == 0 else long_texts.ADDRESSES[number % 3],
    }


def _session_row(who: User, number: int) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": secrets.random_id("ses"),
        "digest": secrets.random_bytes(32),
        "user_id": who.id,
        "created_at": now - number * DAY,
        "auth_time": now - number * DAY,
        "amr": ["pwd"],
        "seen_at": now - number * 3600,
        "expires_at": now + DAY,
        "ip": long_texts.ADDRESSES[number % 3],
        "user_agent": long_texts.AGENTS[number % 4],
    }


def _consent_row(who: User, app: str, number: int) -> dict[str, Any]:
    then = clock.now() - number * 11 * DAY
    return {
        "id": secrets.random_id("con_"),
        "user_id": who.id,
        "client_id": app,
        "granted": {"": ["openid", "email"], _API: [name for name, _ in long_texts.SCOPES]},
        "granted_at": then,
        "updated_at": then,
        "revoked_at": then + DAY if number % 5 == 4 else None,
    }


def _grant_row(who: User, app: str, number: int) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": secrets.random_id("gr_"),
        "client_id": app,
        "user_id": who.id,
        "session_id": None,
        "scopes": ["openid", "email", *(name for name, _ in long_texts.SCOPES)],
        "resources": [_API],
        "auth_time": now - number * DAY,
        "created_at": now - number * DAY,
        "expires_at": now + 30 * DAY,
        "last_used_at": now - number * 5 * DAY,
        "revoked_at": now - 60 if number % 5 == 4 else None,
    }


def _in_transit(admin: User, alice: User) -> None:
    """Apps that somebody offered to the two who look: one each."""
    for giver, taker, number in ((admin, alice, 3), (alice, admin, 2)):
        there = client_transfers.find(_app_id(number)) is None and ownership.visible_to(admin, _app_id(number))
        if there and roles.may_develop(taker.role):
            client_transfers.offer(giver, _app_id(number), taker)
