"""The demo's people, clients and figures; seeding twice changes nothing (ux.md section 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, select, update

from authserver import config, database
from authserver.domain.access import resources
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients, endings, ownership
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import Registration
from authserver.domain.demo import inbox as webhook_inbox
from authserver.domain.demo import playground_app
from authserver.domain.demo import workflows as demo_workflows
from authserver.domain.ground import cache, usage
from authserver.domain.people import links, standard_claims, users
from authserver.domain.people.credentials import passwords
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.lib import clock, secrets
from authserver.models import Client, Resource, Scope, UsageCount, UsageTotal, User

ADMIN, ALICE = "admin@demo.test", "alice@demo.test"
FIXED_PASSWORDS = {ADMIN: "gravel-lantern-orchard-41", ALICE: "thistle-violet-harbour-62"}
JOB, WEB, PLAYGROUND = "nightly-job", "demo-web-app", "playground"
WEB_CALLBACKS = ("http://localhost:9000/callback", "http://127.0.0.1:9000/callback")
API_PATH = "/demo/v1"
SAMPLE_DAYS = 14

TOLD: dict[str, dict[str, Any]] = {
    ADMIN: {"nickname": "Root", "locale": "en", "zoneinfo": "Europe/London"},
    ALICE: {
        "middle_name": "Rose", "nickname": "Al", "profile": "https://social.example.com/alice",
        "picture": "https://social.example.com/alice.png", "website": "https://alice.example.com", "gender": "female",
        "birthdate": "1990-05-31", "zoneinfo": "Europe/Paris", "locale": "fr-FR", "phone_number": "+33123456789",
        "address": {
            "street_address": "1 rue du Chat", "postal_code": "75005", "locality": "Paris",
            "region": "Ile-de-France", "country": "France",
        },
    },
}  # fmt: skip
"""What the demo's people tell of themselves."""

Card = dict[str, str]
"""What the card tells, by name: passwords by address, secrets by client id, `api_key`. Nothing else holds them."""


def seed(card: Card, *, fixed: bool, keep: Callable[[Card], None]) -> Card:
    """Make what is missing and return the card that fits; `keep` stores it after every secret that was made."""
    made = dict(card)

    def learn(name: str, value: str) -> None:
        made[name] = value
        keep(made)

    admin = _person(ADMIN, "Demo Admin", "admin", made, learn, fixed=fixed)
    alice = _person(ALICE, "Alice Martin", "developer", made, learn, fixed=fixed)
    _resource()
    for owner, wanted in _registrations(admin, alice):
        _client(owner, wanted, made, learn)
    if "api_key" not in made or api_keys.check(made["api_key"], "127.0.0.1") is None:
        learn("api_key", api_keys.create(admin, api_keys.Wish("Dashboard reader", "read_only", expires_in=None))[1])
    _webhook(admin)
    for subject in (admin.id, alice.id, JOB):
        demo_workflows.seed(subject)
    _sample_usage()
    return made


def sign_in_link() -> str:
    """A fresh one-time link that signs the administrator in."""
    admin = users.find_by_email(ADMIN)
    assert admin is not None  # noqa: S101  # seeded just before
    return links.sign_in_link(admin.id)


def remove_sample() -> int:
    """Delete the sample figures; returns how many rows went. The next start does not bring them back."""
    with database.transaction() as session:
        if session.scalar(select(UsageCount.hour).where(UsageCount.sample.is_(False)).limit(1)) is None:
            hour = clock.now() // usage.HOUR * usage.HOUR
            kept = {"hour": hour, "metric": "samples_removed", "subject": "", "count": 1, "sample": False}
            usage.put(session, [kept])
        session.execute(delete(UsageTotal).where(UsageTotal.sample))
        return int(session.execute(delete(UsageCount).where(UsageCount.sample)).rowcount)  # type: ignore[attr-defined]  # a DELETE has it


def _person(email: str, name: str, role: str, card: Card, learn: Callable[[str, str], None], *, fixed: bool) -> User:
    user = users.find_by_email(email)
    wanted = FIXED_PASSWORDS[email] if fixed else card.get(email, "")
    if wanted in FIXED_PASSWORDS.values() and not fixed:
        wanted = ""  # a known password does not outlive the run that asked for it
    password = wanted or _password()
    if user is None:
        user = users.create(email, name=name, role=role, password=password)
        standard_claims.change(user.id, TOLD[email])
        user = users.get(user.id)
        learn(email, password)
    elif password != card.get(email):
        digest = passwords.hashed(password, email=email, name=name)
        with database.transaction() as session:
            passwords.store(session, session.merge(user), digest)
        learn(email, password)
    return user


def _password() -> str:
    drawn = secrets.random_id("")
    return "-".join((drawn[:5], drawn[5:10], drawn[10:15]))


def _resource() -> None:
    """The demo API follows the issuer: after a start on another port it has another identifier."""
    identifier = config.current().issuer + API_PATH
    before = [each for each in resources.all() if each.endswith(API_PATH) and each != identifier]
    if resources.find(identifier) is None:
        resources.create(identifier, "Demo API")
    with database.transaction() as session:
        ours = Scope.name.like("workflows:%") & (Scope.resource.is_(None) | Scope.resource.in_(before))
        session.execute(update(Scope).where(ours).values(resource=identifier))
        for row in session.scalars(select(Client)) if before else ():
            row.resources = [identifier if each in before else each for each in row.resources]
            row.resource_server_for = [identifier if each in before else each for each in row.resource_server_for]
        session.execute(delete(Resource).where(Resource.identifier.in_(before)))
        cache.touch(session, "scopes")
        cache.touch(session, "clients")


def _registrations(admin: User, alice: User) -> tuple[tuple[User, Registration], ...]:
    issuer = config.current().issuer
    reading = ("workflows:read", "analytics:read")
    person = ("openid", "profile", "email", "offline_access")
    return (
        (admin, Registration(name="Playground", kind="spa", client_id=PLAYGROUND,
                             **playground_app.members(playground_app.PEOPLE),
                             scopes=(*person, *reading, "workflows:write"), resources=(issuer + API_PATH,),
                             homepage=issuer, description="Try every flow without writing a line.")),
        (alice, Registration(name="Demo web app", kind="web", client_id=WEB, redirect_uris=WEB_CALLBACKS,
                             scopes=(*person, *reading, "workflows:write"), optional_scopes=("workflows:write",),
                             resources=(issuer + API_PATH,), homepage="http://localhost:9000",
                             description="A web app with a server of its own.")),
        (alice, Registration(name="Nightly job", kind="machine", client_id=JOB, scopes=(*reading, "workflows:write"),
                             resources=(issuer + API_PATH,), description="Runs without a person.")),
    )  # fmt: skip


def _client(owner: User, wanted: Registration, card: Card, learn: Callable[[str, str], None]) -> None:
    found = clients.find(wanted.client_id)
    if found is not None and found.deleted_at is not None:
        found_row = endings.restore(None, wanted.client_id)
    elif found is not None:
        found_row = ownership.visible_to(owner, wanted.client_id)
    else:
        row, secret = clients.register(owner, wanted, trusted=True)
        if secret is not None:
            learn(row.id, secret)
        return
    _follow_issuer(found_row)
    if not found_row.public and not _works(wanted.client_id, card.get(wanted.client_id, "")):
        learn(wanted.client_id, client_secrets.rotate(None, wanted.client_id, 0, force=True).secret)


def _works(client_id: str, secret: str) -> bool:
    return any(secrets.equal(each.digest, secrets.digest(secret)) for each in client_secrets.active(client_id))


def _follow_issuer(row: Client) -> None:
    """The playground lies below the issuer: after a start on another port its redirect URI is another."""
    if row.id != PLAYGROUND:
        return
    before = clients.registration_of(row)
    own = playground_app.members(playground_app.PEOPLE)
    wanted = dataclasses.replace(before, **own, homepage=config.current().issuer)
    if wanted != before:
        clients.revise(None, row.id, wanted)


def _webhook(admin: User) -> None:
    """One webhook to the demo's own inbox, which follows the issuer; it begins with a test."""
    url = config.current().issuer + webhook_inbox.PATH
    found = [each for each in webhook_endpoints.page(admin.id, limit=100)[0] if each.url.endswith(webhook_inbox.PATH)]
    if not found:
        row, _ = webhook_endpoints.create(admin, webhook_wishes.Wish("Demo inbox", url))
        webhook_endpoints.test(admin.id, row.id)
    elif found[0].url != url:
        wish = dataclasses.replace(webhook_endpoints.wish_of(found[0]), url=url)
        webhook_endpoints.revise(admin.id, found[0].id, wish)


def _sample_usage() -> None:
    """Two weeks of plausible figures, marked as samples, where there are none yet."""
    with database.transaction() as session:
        if session.scalar(select(UsageCount.hour).limit(1)) is None:
            usage.put(session, _sample_rows(clock.now() // usage.HOUR * usage.HOUR))


def _sample_rows(hour_now: int) -> list[dict[str, Any]]:
    """A quiet night, a busy day, a slow weekend: the same figures every time."""
    rows = []
    for back in range(1, SAMPLE_DAYS * 24):
        hour = hour_now - back * usage.HOUR
        weekday, of_day = hour // 86_400 % 7, hour // usage.HOUR % 24
        weight = (4 if 8 <= of_day < 18 else 1) * (1 if weekday in (2, 3) else 3)  # 1 January 1970 was a Thursday
        wobble = (back * 7919) % 5
        for subject, metric, factor in (
            (f"client:{JOB}", "tokens", 3), (f"client:{WEB}", "tokens", 2), (f"client:{WEB}", "introspections", 4),
            (f"client:{JOB}", "requests", 5), (f"client:{WEB}", "requests", 3),
            ("", "sign_ins", 1 if of_day in (9, 14) else 0),
        ):  # fmt: skip
            if factor:
                count = factor * weight + wobble
                rows.append({"hour": hour, "metric": metric, "subject": subject, "count": count, "sample": True})
    return rows
