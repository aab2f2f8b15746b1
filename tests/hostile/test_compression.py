"""Nothing that holds a secret is compressed: with an attacker's word beside it, its length would tell it (BREACH).

What is compressed is found by asking every route there is, and is the same bytes for everybody, whatever they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from authserver import api, gateway, oauth, ops
from authserver.domain.api_keys import keys as api_keys
from tests.architecture import sources
from tests.hostile import test_permissions as permissions
from tests.hostile.test_permissions import ROLES, House
from tests.support.browsing import Answer, Browser, Wire
from tests.support.standing import standing

ENDPOINTS = {**oauth.ENDPOINTS, **gateway.ENDPOINTS, **ops.ENDPOINTS, **api.ENDPOINTS}
OPEN_TO_ALL = {path.rstrip("/") for path, endpoint in ENDPOINTS.items() if endpoint.cacheable}
ECHO = "?" + urlencode({"q": "kaie_ak_guessed", "next": "/kaie_ak_guessed"})  # what a page might say again


@dataclass
class TakesGzip:
    """A wire whose reader would have everything compressed."""

    wire: Wire

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self.wire.send(method, url, body, {**headers, "Accept-Encoding": "gzip, *"})

    def cookies(self) -> dict[str, str]:
        return self.wire.cookies()


@dataclass
class Found:
    """What one route said to somebody."""

    endpoint: str
    path: str
    asker: str
    answer: Answer

    @property
    def packed(self) -> bool:
        return bool(self.answer.header("Content-Encoding"))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """What is sent does not depend on the database."""
    with standing("sqlite", smtp_url="smtp://127.0.0.1:9", mail_from="auth@example.test", playground="on") as server:
        for role, email in ROLES.items():
            if email:
                server.person(email, "admin" if role == "admin" else "user")
        yield House(server)


def browser(house: House, role: str) -> Browser:
    made = house.server.browser(ROLES[role])
    made.wire = TakesGzip(made.wire)
    made.get("/login")  # forms are bound to a browser, so it needs its mark
    return made


def people(house: House) -> Iterator[Found]:
    """Every page, and every answer to a form with a good token."""
    askers = {role: browser(house, role) for role in ("anonymous", "owner", "admin")}
    for endpoint, method in permissions.routes(house.server.app):
        values = house.values(endpoint)
        for role in ("anonymous", "admin" if method == "GET" else "owner"):
            answer = permissions.ask(house, askers[role], endpoint, method, values)
            yield Found(endpoint, answer.url, f"{role} {method}", answer)
        if endpoint.startswith(("logout.", "sessions.", "security.")):  # which may have ended the session that asked
            askers["owner"] = browser(house, "owner")


def programs(house: House) -> Iterator[Found]:
    """Every machine endpoint and every operation of the API, by an administrator's key and by nobody."""
    ada = house.server.person(ROLES["admin"], "admin")
    _row, key = api_keys.create(ada, api_keys.Wish(name="All", permission="full_access", rate_limit="1000000/hour"))
    asker = browser(house, "anonymous")
    calls = {(path.rstrip("/") or "/", method) for path in ENDPOINTS for method in ("GET", "POST")}
    calls |= {(re.sub(r"\{\w+\}", "x", route.path), route.method) for route in api.ROUTES}
    for path, method in sorted(calls):
        for who, query, headers in (("key", ECHO, {"Authorization": f"Bearer {key}"}), ("nobody", "", {})):
            yield Found("machine:", path, f"{who} {method}", asker.send(method, path + query, **headers))


def secrets(house: House) -> Iterator[Found]:
    """Answers that are a secret, whole."""
    app = house.server.register("Machine", kind="machine", scopes=("workflows:read",))
    app.wire = TakesGzip(app.wire)
    yield Found("machine:", "/oauth/token", "app", app.client_credentials())
    owner = browser(house, "owner")
    made = owner.fill("/settings/api-keys/new", name="Shown once")
    yield Found("api_keys_new.create", "/settings/api-keys/new", "owner", made)


@pytest.fixture(scope="module")
def found(house: House) -> list[Found]:
    return [*people(house), *programs(house), *secrets(house)]


def test_what_is_compressed_is_what_anybody_may_read(found: list[Found]) -> None:
    packed = {each.path if each.endpoint == "machine:" else each.endpoint for each in found if each.packed}
    assert packed == OPEN_TO_ALL | {"static", "icons.svg", "icons.ico", "icons.touch"}


def test_it_is_the_same_for_everybody_whatever_they_ask(found: list[Found]) -> None:
    bodies: dict[str, set[bytes]] = {}
    for each in found:
        if each.packed:
            bodies.setdefault(each.path, set()).add(each.answer.body)
            assert not each.answer.header("Set-Cookie"), each.path
    assert {path: len(forms) for path, forms in bodies.items() if len(forms) > 1} == {}


def test_the_routes_that_were_asked_hold_what_must_not_be_compressed(found: list[Found]) -> None:
    """Else the tests above would prove little."""
    plain = [each for each in found if not each.packed]
    with_forms = {each.endpoint for each in plain if 'name="csrf_token"' in each.answer.text}
    assert len(with_forms) > 60
    assert len({each.path for each in plain if each.endpoint == "machine:" and each.answer.status == 200}) > 15
    assert [each.answer.status for each in plain[-2:]] == [200, 200]
    assert "access_token" in plain[-2].answer.text and re.search(r"kaie_ak_\w{20}", plain[-1].answer.text)


def test_one_module_compresses_and_one_says_so() -> None:
    packing = r"import (?:gzip|bz2|lzma|brotli|zstandard)|zlib\.compress"
    assert sources.lines_with(packing, sources.modules(), but=("authserver/lib/documents.py",)) == []
    header = r"content-encoding"
    assert sources.lines_with(header, sources.modules(), but=("authserver/edge/documents.py",)) == []


def test_no_proxy_of_ours_compresses_behind_our_back() -> None:
    switched_on = r"gzip\s+on|\bencode\s+(?:gzip|zstd)|compress:|compressor"
    assert sources.lines_with(switched_on, sources.ending("", under="deploy/")) == []
