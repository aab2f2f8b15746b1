"""What the playground makes for a person: an app of their own to try things with, and a key that ends soon."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from authserver import config
from authserver.domain.access import permissions, scopes
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys import wishes
from authserver.domain.clients import clients, endings, ownership, registration_tokens
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata import Registration
from authserver.domain.demo import playground_app, seeding
from authserver.domain.demo.playground_app import redirect_uri
from authserver.errors import Denied, NotFound
from authserver.models import Client, User

NAME = "My playground app"
KEY_LIFETIME = TOKEN_LIFETIME = 3600
TOKEN_USES = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands to the playground; `mine` says whether this person may change it."""

    client: ClientFacts
    mine: bool

    @property
    def comes_back(self) -> bool:
        """Whether people come back to the playground after signing in for it."""
        return redirect_uri() in self.client.redirect_uris


def seeded() -> ClientFacts | None:
    """The demo's client, which everybody may use here."""
    found = clients.find(seeding.PLAYGROUND) if config.current().demo else None
    return found if found is not None and found.enabled else None


def standing(user: User, client_id: str) -> Standing:
    """A client that this person may know of. Raises NotFound for those of others, as for an unknown id."""
    found = clients.find_afresh(client_id)
    if found is None or found.deleted_at is not None:
        raise NotFound("There is no such app.")
    mine = user.is_admin or found.owner_id == user.id
    ours = seeded()
    if not mine and (ours is None or ours.id != found.id):
        raise NotFound("There is no such app.")
    return Standing(found, mine)


def come_back(user: User, client_id: str) -> Client:
    """Add the playground to a client's redirect URIs. Raises NotFound, and Invalid where it cannot have any."""
    return _come_back(user, ownership.visible_to(user, client_id))


def _come_back(by: User | None, row: Client) -> Client:
    if redirect_uri() in row.redirect_uris:
        return row
    before = clients.registration_of(row)
    wanted = dataclasses.replace(before, redirect_uris=(*before.redirect_uris, redirect_uri()))
    return clients.revise(by, row.id, wanted, version=row.version)


def own_app(user: User, jwks: dict[str, Any] | None = None) -> tuple[Client, str]:
    """This person's app for trying things, one each, with a new secret; the one before stops at once.

    With `jwks` these become its public keys. In the demo it may also introspect every credential, so that nothing
    has to be set up there; elsewhere it may what its owner may give.
    """
    found = next((each for each in _apps_of(user) if each.name == NAME), None)
    if found is not None and found.introspect_all and not found.installation:
        endings.remove(None, found.id)  # made before there was such a mark
        found = None
    if found is None:
        demo = config.current().demo
        row, secret = clients.register(user, _registration(jwks), trusted=demo or None, installation=demo)
        return row, str(secret)
    # With the demo's mark it has a privilege, so that the demo alone changes it.
    by = None if found.installation else user
    before = clients.registration_of(found)
    # The issuer may have moved since, and more flows may be there.
    wanted = dataclasses.replace(before, **playground_app.members(playground_app.EVERYTHING))
    wanted = wanted if jwks is None else dataclasses.replace(wanted, jwks=jwks)
    if wanted != before:
        found = clients.revise(by, found.id, wanted)
    return found, client_secrets.rotate(user, found.id, 0, force=True).secret


def short_key(user: User) -> str:
    """A key that reads, for an hour."""
    return api_keys.create(user, _SHORT_KEY)[1]


def is_strong_key() -> bool:
    """Whether that key is worth a fresh proof, because of what administrators let keys that read do."""
    return wishes.is_strong(_SHORT_KEY.permission, _SHORT_KEY.expires_in)


_SHORT_KEY = api_keys.Wish("Playground", permissions.READ_ONLY, KEY_LIFETIME)


def registration_token(user: User) -> str:
    """An initial access token for a few tries, for an hour. Raises Denied: administrators alone let apps in."""
    if not user.is_admin:
        raise Denied("Only administrators make initial access tokens.")
    return registration_tokens.create(uses=TOKEN_USES, expires_in=TOKEN_LIFETIME)[1]


def _apps_of(user: User) -> list[Client]:
    listed, _ = clients.owned_by(user, search=NAME, limit=ownership.MAX_PER_OWNER)
    return [each.client for each in listed]


def _registration(jwks: dict[str, Any] | None) -> Registration:
    settings = config.current()
    return Registration(
        name=NAME,
        kind="web",
        **playground_app.members(playground_app.EVERYTHING),
        scopes=tuple(each.name for each in scopes.assignable_by(admin=False) if each.level != "full"),
        resources=(settings.issuer + seeding.API_PATH,) if settings.demo else (),
        introspect_all=settings.demo,
        jwks=jwks,
        description="Made by the playground. Delete it whenever you like.",
    )
