"""Apps and protocol requests for tests: rows as a registration leaves them, requests as the lane sees them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from authserver import database, oauth
from authserver.domain.grants import codes as authorization_codes
from authserver.domain.grants import grants
from authserver.domain.ground import cache
from authserver.edge import machine
from authserver.edge.exchange import MAX_BODY, Incoming
from authserver.lib import clock, jwt, pkce, secrets
from authserver.models import Client, ClientSecret, Resource
from authserver.observability import context

CALLBACK = "https://app.example/callback"
VERIFIER = "a-verifier-of-enough-characters-for-rfc-7636-x"
FORM = "application/x-www-form-urlencoded"
EVERY_GRANT = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
]
SCOPES = ["openid", "profile", "email", "workflows:read", "workflows:write"]


@dataclass(frozen=True)
class App:
    """A registered client and, for a confidential one, its secret."""

    id: str
    secret: str

    @property
    def basic(self) -> dict[str, str]:
        return basic(self.id, self.secret)

    @property
    def post(self) -> dict[str, str]:
        return {"client_id": self.id, "client_secret": self.secret}


@dataclass(frozen=True)
class Reply:
    """An answer; `json` is empty for a body that is empty."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def error(self) -> tuple[int, str]:
        """Status and error code: what a refusal is compared with."""
        return self.status, self.json.get("error", "")


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of RFC 6749 section 2.3.1: both parts form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return {"authorization": "Basic " + base64.b64encode(pair).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def register(**columns: Any) -> App:
    """A client that may do everything, but for what `columns` say."""
    public = columns.pop("public", False)
    app = App(columns.pop("id", secrets.random_id("app")), "" if public else secrets.generate("kaie", "cs"))
    row: dict[str, Any] = {
        "name": "Example",
        "kind": "spa" if public else "web",
        "redirect_uris": [CALLBACK],
        "grant_types": EVERY_GRANT,
        "scopes": SCOPES,
        "created_at": clock.now(),
        "updated_at": clock.now(),
        "installation": columns.get("owner_id") is None,
    }
    with database.transaction() as session:
        session.add(Client(id=app.id, public=public, **row | columns))
        session.flush()
        if not public:
            session.add(
                ClientSecret(
                    id=secrets.random_id("cs"),
                    client_id=app.id,
                    digest=secrets.digest(app.secret),
                    hint=secrets.hint(app.secret),
                    created_at=clock.now(),
                )
            )
        cache.touch(session, "clients")
    return app


def change(app: App, **columns: Any) -> None:
    """Change a client's row as an administrator would."""
    with database.transaction() as session:
        row = session.get_one(Client, app.id)
        for name, value in columns.items():
            setattr(row, name, value)
        cache.touch(session, "clients")


def add_resource(identifier: str, access_token_format: str | None = None, access_token_typ: str | None = None) -> str:
    with database.transaction() as session:
        session.add(
            Resource(
                identifier=identifier,
                name="An API",
                access_token_format=access_token_format,
                access_token_typ=access_token_typ,
                created_at=clock.now(),
            )
        )
        cache.touch(session, "scopes")
    return identifier


def allow(user_id: str, app: App, **options: Any) -> str:
    """What a consent leaves behind: a grant and a code for it; returns the code."""
    with database.transaction() as session:
        grant = grants.create(
            session,
            client_id=app.id,
            user_id=user_id,
            session_id=options.get("session_id"),
            scopes=options.get("scopes", SCOPES),
            resources=options.get("resources", []),
            auth_time=clock.now() - 5,
            amr=["pwd"],
            nonce=options.get("nonce", "n-0S6_WzA2Mj"),
        )
        return authorization_codes.issue(
            session,
            grant,
            client_id=app.id,
            redirect_uri=CALLBACK,
            redirect_uri_sent=options.get("redirect_uri_sent", True),
            code_challenge=options.get("code_challenge", pkce.challenge(VERIFIER)),
        )


def send(
    path: str,
    fields: dict[str, Any] | list[tuple[str, str]] | bytes | None = None,
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    query: str = "",
    ip: str = "192.0.2.7",
) -> Reply:
    """One request through the edge, as the lane hands it over."""
    body = fields if isinstance(fields, bytes) else urlencode(fields or {}, doseq=True).encode()
    given = {"content-type": FORM} if body else {}
    too_large = len(body) > MAX_BODY
    incoming = Incoming(
        method, path, query, given | (headers or {}), b"" if too_large else body, ip, body_too_large=too_large
    )
    with context.using(context.Context(request_id="req_test", ip=incoming.ip)):
        endpoints = oauth.ENDPOINTS | oauth.switched_on() | oauth.path_inserted()
        outgoing = machine.answer(endpoints.get(path) or endpoints[path.rpartition("/")[0] + "/"], incoming)
    return Reply(outgoing.status, outgoing.body, outgoing.headers)


def exchange(app: App, code: str, **fields: str | None) -> Reply:
    """Redeem a code as its client would; a field set to None is left out."""
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return _authenticated(app, sent | fields)


def refresh(app: App, token: str, **fields: str | None) -> Reply:
    return _authenticated(app, {"grant_type": "refresh_token", "refresh_token": token} | fields)


def client_credentials(app: App, **fields: Any) -> Reply:
    return _authenticated(app, {"grant_type": "client_credentials"} | fields)


def introspect(caller: App, token: str, **fields: str) -> Reply:
    return send("/oauth/introspect", {"token": token} | fields, caller.basic)


def revoke(app: App, token: str, **fields: str) -> Reply:
    return _authenticated(app, {"token": token} | fields, "/oauth/revoke")


def tokens_for(user_id: str, app: App, **options: Any) -> dict[str, Any]:
    """What a successful code flow hands out."""
    reply = exchange(app, allow(user_id, app, **options))
    assert reply.status == 200, reply.body
    return reply.json


def claims(token: str) -> dict[str, Any]:
    return jwt.peek_claims(token)


def _authenticated(app: App, fields: dict[str, Any], path: str = "/oauth/token") -> Reply:
    kept = {name: value for name, value in fields.items() if value is not None}
    if app.secret:
        return send(path, kept, app.basic)
    return send(path, kept | {"client_id": app.id})
