"""The hot endpoints: what a running server is asked, by name."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bench import load
from bench.conversations import FORM, Chain, Conversation, Once, Repeated, Visit, code_of, raw
from tests.support import own_jwts
from tests.support.browsing import Browser
from tests.support.served import PASSWORD, Served
from tests.support.third_party import CALLBACK, App, Request

Talks = Callable[[int], Sequence[Conversation]]
"""Conversations for so many connections; asked for before each slice, and they may go on with those of the last."""

SCOPE = "workflows:read"
PERSON = "bench@example.test"
# Limits are counted as ever, and never reached.
NO_LIMITS: dict[str, Any] = {
    **{f"rate_limit_{kind}": "10000000/hour" for kind in ("api_key", "oauth", "jwt", "token")},
    "connections_per_address": 0,
}
# What can be asked for once alone is made before each slice, so much of it.
SUPPLY = 240
# Sign-ins that two workers take on at once: a slot for each, and one that waits.
HASHING = 4
_APP = {"grant_types": ["authorization_code", "refresh_token"], "redirect_uris": [CALLBACK]}

JWKS, METADATA = "JWKS", "metadata"
TOKEN_JWT, TOKEN_OPAQUE = "token, client_credentials, JWT", "token, client_credentials, opaque"
INTROSPECTION_OPAQUE, INTROSPECTION_JWT = "introspection, opaque", "introspection, JWT"
INTROSPECTION_KEY = "introspection, API key"
GATEWAY_KEY, GATEWAY_JWT, GATEWAY_OWN = "gateway, API key", "gateway, JWT", "gateway, own JWT used once"
REFRESH, CODE = "token, refresh", "token, code"
# What peers sign ID tokens with: RSA as ours by default, with 3072 bits, is half of what a refresh costs.
REFRESH_ES256 = "token, refresh, ES256"
AUTHORIZE, SIGN_IN = "authorize, consent remembered", "sign-in besides argon2id"
API_READ = "/v1 read"


def of(server: Served) -> dict[str, Talks]:
    """What is asked of our own server, in the order in which it is measured."""
    host = server.issuer.partition("://")[2]
    job, opaque = server.machine("Bench job"), server.machine("Bench opaque", "--access-token-format", "opaque")
    server.user(PERSON)
    key = server.cli("key", "create", "--owner", PERSON, "--name", "Bench", "--permission", "read_only")["key"]
    jwt, handle = (each.client_credentials(scope=SCOPE).json["access_token"] for each in (job, opaque))
    everything = server.machine("Bench API", "--introspect-all")

    def introspection(token: str) -> Talks:
        return repeated(raw("POST /oauth/introspect", host, everything.basic, f"token={token}"))

    def gateway(token: str) -> bytes:
        return raw(f"GET /gateway/auth/{SCOPE}", host, {"Authorization": f"Bearer {token}"})

    people = _People(server, host)
    return {
        JWKS: repeated(raw("GET /.well-known/jwks.json", host)),
        METADATA: repeated(raw("GET /.well-known/openid-configuration", host)),
        TOKEN_JWT: repeated(raw("POST /oauth/token", host, job.basic, "grant_type=client_credentials")),
        TOKEN_OPAQUE: repeated(raw("POST /oauth/token", host, opaque.basic, "grant_type=client_credentials")),
        INTROSPECTION_OPAQUE: introspection(handle),
        INTROSPECTION_JWT: introspection(jwt),
        INTROSPECTION_KEY: introspection(key),
        GATEWAY_KEY: repeated(gateway(key)),
        GATEWAY_JWT: repeated(gateway(jwt)),
        GATEWAY_OWN: _own_jwts(server, gateway),
        REFRESH: people.refreshing,
        REFRESH_ES256: _People(server, host, {"id_token_signed_response_alg": "ES256"}).refreshing,
        CODE: people.exchanging,
        AUTHORIZE: people.authorizing,
        SIGN_IN: people.signing_in,
        API_READ: repeated(raw("GET /v1/me", host, {"Authorization": f"Bearer {key}"})),
    }


def repeated(asked: bytes) -> Talks:
    """The same over every connection."""
    return lambda connections: [Repeated(asked)] * connections


def _own_jwts(server: Served, ask: Callable[[str], bytes]) -> Talks:
    """JWTs that a client signed itself, each good for one request."""
    key = own_jwts.pair()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(own_jwts.key_set(key), file)
        file.flush()
        job = server.machine("Bench signer", "--jwks", file.name)

    def talks(connections: int) -> list[Conversation]:
        supply = [ask(own_jwts.own(job.client_id, key, aud=f"{server.issuer}/v1")) for _ in range(SUPPLY)]
        return [Once(supply)] * connections

    return talks


class _People:
    """What is asked by people's browsers, and by an app in their name."""

    def __init__(self, server: Served, host: str, metadata: Mapping[str, str] = MappingProxyType({})) -> None:
        self._server, self._host, self._port = server, host, int(host.rpartition(":")[2])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(_APP | dict(metadata), file)
            file.flush()
            self._app = server.app("Bench app", "--from", file.name)
        self._browser = server.browser(PERSON)
        self._chains: list[Chain] = []
        self._browsers: dict[str, Browser] = {}
        self._app.tokens(self._browser)  # from now on the consent is remembered
        self._asked = self._app.ask()

    def authorizing(self, connections: int) -> list[Visit]:
        return [Visit(self._host, self._path, self._cookies) for _ in range(connections)]

    def exchanging(self, connections: int) -> list[Conversation]:
        """Codes live for a minute, so that they are got before each slice."""
        return [Once([self._exchange(code) for code in self._codes(SUPPLY)])] * connections

    def refreshing(self, connections: int) -> list[Chain]:
        for _ in range(connections - len(self._chains)):
            token = self._app.tokens(self._browser)["refresh_token"]
            self._chains.append(Chain(refresh("POST /oauth/token", self._host, self._app.basic), token))
        return self._chains[:connections]

    def signing_in(self, connections: int) -> list[Visit]:
        """Of people each in a browser that was here before, as many at once as hash at once: who is over is refused."""
        people = [f"bench-{number}@example.test" for number in range(min(connections, HASHING))]
        return [Visit(self._host, "/login", self._known(email), _credentials(email)) for email in people]

    def _known(self, email: str) -> dict[str, str]:
        """The cookies of a browser in which this person once signed in."""
        if email not in self._browsers:
            self._browsers[email] = self._server.browser(email)
        cookies = self._browsers[email].wire.cookies()
        return {name: value for name, value in cookies.items() if "session" not in name}

    @property
    def _path(self) -> str:
        return "/" + self._asked.url.partition("://")[2].partition("/")[2]

    @property
    def _cookies(self) -> dict[str, str]:
        return self._browser.wire.cookies()

    def _codes(self, count: int) -> list[str]:
        visits = [_Visits(self._host, self._path, self._cookies, most=count // 8) for _ in range(8)]
        load.run(self._port, visits)
        return [code_of(end) for visit in visits for end in visit.ends]

    def _exchange(self, code: str) -> bytes:
        return raw("POST /oauth/token", self._host, self._app.basic, _form(self._asked, self._app, code))


def _credentials(email: str) -> dict[str, str]:
    return {"email": email, "password": PASSWORD}


class _Visits(Visit):
    """A number of visits."""

    def __init__(self, host: str, path: str, cookies: dict[str, str], *, most: int) -> None:
        super().__init__(host, path, cookies)
        self._most = most

    def request(self) -> bytes:
        return super().request() if self._next or len(self.ends) < self._most else b""


def _form(asked: Request, app: App, code: str) -> str:
    verifier = f"&code_verifier={asked.verifier}"
    return f"grant_type=authorization_code&code={code}&redirect_uri={app.redirect_uri}{verifier}"


def refresh(what: str, host: str, headers: dict[str, str], more: str = "") -> Callable[[str], bytes]:
    """Makes the request that a refresh token is sent with; `more` are further parameters."""
    head = raw(what, host, headers).rpartition(b"Content-Type:")[0]

    def ask(token: str) -> bytes:
        body = f"grant_type=refresh_token&refresh_token={token}{more}".encode()
        return head + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (FORM.encode(), len(body)) + body

    return ask
