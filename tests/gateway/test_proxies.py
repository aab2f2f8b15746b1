"""The files of deploy/ in the real proxies, in front of a served server and an API that shows what reached it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.services import gateways
from tests.services.gateways import Answer, Echo, Gateway
from tests.support.served import KINDS, Served, shared

PROXIES = ("nginx", "caddy", "traefik", "envoy")
IDENTITY = ("x-auth-subject", "x-auth-client-id", "x-auth-scope", "x-auth-credential", "x-auth-permission")
TABLE, PAGES, TWINS = "orders", "pages", "twins"
PAGE = "https://app.example.com"
# A client of the proxy that is not the proxy itself: its own address on the loopback network.
CLIENT = "127.0.0.2"

pytestmark = pytest.mark.interop


@dataclass
class House:
    """A server, an API, and proxies between them: each is started when it is first asked for."""

    server: Served
    echo: Echo
    folder: Path
    open: contextlib.ExitStack
    started: dict[tuple[str, str], Gateway] = field(default_factory=dict)
    alice: str = ""
    keys: dict[str, str] = field(default_factory=dict)

    def proxy(self, name: str, needed: str = gateways.NEEDED) -> Gateway:
        if (name, needed) not in self.started:
            folder = self.folder / f"{name}-{len(self.started)}"
            auth = int(self.server.issuer.rpartition(":")[2])
            begun = gateways.running(name, folder, auth=auth, api=self.echo.port, needed=needed)
            self.started[name, needed] = self.open.enter_context(begun)
        return self.started[name, needed]

    def key(self, level: str, *more: str, fresh: bool = False) -> dict[str, str]:
        """The header of a key of Alice's."""
        name = " ".join([level, *more])
        if fresh or name not in self.keys:
            made = self.server.cli("key", "create", "--owner", "alice@example.test", "--name", "proxy",
                                   "--permission", level, *more)  # fmt: skip
            if fresh:
                return {"Authorization": f"Bearer {made['key']}"}
            self.keys[name] = made["key"]
        return {"Authorization": f"Bearer {self.keys[name]}"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    # Which database is behind it is nothing to a proxy: the decisions themselves are tested on both.
    server = shared(KINDS[0], trusted_proxies="127.0.0.1/32")
    with contextlib.ExitStack() as opened:
        echo = Echo()
        opened.callback(echo.stop)
        made = House(server, echo, tmp_path_factory.mktemp("proxies"), opened)
        made.alice = server.user("alice@example.test")
        file = made.folder / "routes.toml"
        file.write_text(
            f'[[route_tables]]\nname = "{TABLE}"\n'
            'rules = """\nGET /orders/{id} workflows:read\nDELETE /orders/{id} workflows:delete\nGET /public/**\n"""\n'
            f'[[route_tables]]\nname = "{PAGES}"\n'
            f'rules = """\ncors {PAGE}\nGET,DELETE /orders/{{id}} workflows:delete\nGET /open public\n"""\n'
            f'[[route_tables]]\nname = "{TWINS}"\n'
            'rules = """\nGET /docs workflows:delete\nGET /docs/** public\n"""\n'
        )
        server.cli("apply", str(file))
        yield made


@pytest.fixture(params=PROXIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(house: House, name: str) -> Gateway:
    """A proxy as its file says: everything needs workflows:read."""
    return house.proxy(name)


@pytest.fixture
def passes(house: House) -> Callable[..., dict[str, str]]:
    """The request must reach the API; what arrived there, names in lower case and `_` read as `-`."""

    def check(answer: Answer) -> dict[str, str]:
        assert answer.status == 200, answer
        arrived: dict[str, str] = {}
        for header, value in answer.json["headers"]:
            like = header.lower().replace("_", "-")
            assert like not in arrived or like not in IDENTITY, f"{like} arrived twice"
            arrived[like] = value
        return arrived

    return check


@pytest.fixture
def refused(house: House) -> Iterator[Callable[[Answer, int], Answer]]:
    """The request must not reach the API."""
    before = house.echo.arrived

    def check(answer: Answer, status: int) -> Answer:
        assert (answer.status, house.echo.arrived) == (status, before)
        return answer

    yield check


def told(headers: dict[str, str]) -> dict[str, str]:
    return {each: headers.get(each, "") for each in IDENTITY}


# ---- who passes ---------------------------------------------------------------------------------------------


def test_a_key_passes_and_the_api_learns_whose_it_is(house: House, proxy: Gateway, passes: Any) -> None:
    arrived = passes(proxy.ask(headers=house.key("read_only")))
    assert told(arrived) == {
        "x-auth-subject": house.alice,
        "x-auth-client-id": "",
        "x-auth-scope": "analytics:read workflows:read",
        "x-auth-credential": "api_key",
        "x-auth-permission": "read_only",
    }


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_an_access_token_passes_and_the_api_learns_its_client(
    house: House, proxy: Gateway, passes: Any, form: str
) -> None:
    job = house.server.machine(f"Job {proxy.name} {form}", "--access-token-format", form)
    token = job.token(grant_type="client_credentials", scope="workflows:read").json["access_token"]
    arrived = passes(proxy.ask(headers={"Authorization": f"Bearer {token}"}))
    assert told(arrived) == {
        "x-auth-subject": job.client_id,
        "x-auth-client-id": job.client_id,
        "x-auth-scope": "workflows:read",
        "x-auth-credential": "access_token",
        "x-auth-permission": "",
    }


def test_the_credential_itself_stays_outside(house: House, proxy: Gateway, passes: Any) -> None:
    assert "authorization" not in passes(proxy.ask(headers=house.key("read_only")))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_passes_as_it_is(house: House, proxy: Gateway, method: str) -> None:
    body = b'{"a": 1}' if method in ("POST", "PUT", "PATCH") else None
    answer = proxy.ask(method, "/things?a=b", headers=house.key("read_only"), body=body)
    assert answer.status == 200
    assert method == "HEAD" or (answer.json["method"], answer.json["path"]) == (method, "/things?a=b")


@pytest.mark.parametrize("name", ["nginx", "envoy"])  # the others hand headers of a good decision to the API alone
def test_a_good_answer_shows_the_limit(house: House, name: str) -> None:
    answer = house.proxy(name).ask(headers=house.key("read_only"))
    assert answer.headers["x-ratelimit-limit"] == "1000"


# ---- who does not -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MISSING_AUTHENTICATION"),
        ({"Authorization": "Basic YTpi"}, "MISSING_AUTHENTICATION"),
        ({"Authorization": "Bearer kaie_ak_0000000000000000000000000000000000aa"}, "INVALID_API_KEY"),
        ({"Authorization": "Bearer nonsense"}, "INVALID_TOKEN"),
        ({"Cookie": "session=x", "X-Auth-Subject": "admin"}, "MISSING_AUTHENTICATION"),
    ],
)
def test_without_a_good_credential_the_client_reads_why(
    proxy: Gateway, refused: Any, headers: dict[str, str], code: str
) -> None:
    answer = refused(proxy.ask(headers=headers), 401)
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["request_id"]


def test_too_little_scope_is_403_and_says_what_is_needed(house: House, name: str, refused: Any) -> None:
    proxy = house.proxy(name, "workflows:write")
    answer = refused(proxy.ask(headers=house.key("read_only")), 403)
    assert answer.json["error"]["code"] == "INSUFFICIENT_PERMISSIONS"
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="workflows:write"' in answer.headers["www-authenticate"]


def test_a_reached_limit_is_429_with_the_time_to_wait(house: House, proxy: Gateway, refused: Any, passes: Any) -> None:
    key = house.key("read_only", "--rate-limit", "2/hour", fresh=True)
    before = [proxy.ask(headers=key).status for _ in range(2)]
    arrived = house.echo.arrived
    answer = proxy.ask(headers=key)
    assert (before, answer.status, house.echo.arrived) == ([200, 200], 429, arrived)
    assert 3500 < int(answer.headers["retry-after"]) <= 3600
    assert answer.json["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert answer.json["error"]["retry_after"] == int(answer.headers["retry-after"])
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("2", "0")


def test_a_revoked_key_is_refused_at_the_next_request(house: House, proxy: Gateway, refused: Any) -> None:
    made = house.server.cli("key", "create", "--owner", "alice@example.test", "--name", "gone",
                            "--permission", "read_only")  # fmt: skip
    key = {"Authorization": f"Bearer {made['key']}"}
    assert proxy.ask(headers=key).status == 200
    house.server.cli("key", "revoke", made["id"])
    assert proxy.ask(headers=key).status == 401


def test_a_refusal_is_not_kept_by_anybody(proxy: Gateway, refused: Any) -> None:
    assert "no-store" in refused(proxy.ask(), 401).headers["cache-control"]


# ---- who forges ---------------------------------------------------------------------------------------------

FORGED = {
    "as it is written": "X-Auth-{}",
    "in small letters": "x-auth-{}",
    "with underscores": "X_Auth_{}",
    "with one underscore": "X-Auth_{}",
    "with another underscore": "X_Auth-{}",
}


@pytest.mark.parametrize("spelling", FORGED.values(), ids=FORGED)
def test_forged_identity_never_reaches_the_api(house: House, proxy: Gateway, passes: Any, spelling: str) -> None:
    names = [spelling.format(each) for each in ("Subject", "Scope", "Credential", "Permission", "Client-Id")]
    names += [each.replace("Client-Id", "Client_Id") for each in names if "Client" in each]
    forged = [(each, "forged") for each in names]
    arrived = passes(proxy.ask(headers=[*forged, *house.key("read_only").items(), *forged]))
    assert told(arrived)["x-auth-subject"] == house.alice
    assert told(arrived)["x-auth-client-id"] == ""
    assert not [value for header, value in arrived.items() if header.startswith("x-auth") and "forged" in value]


def test_nobody_gets_identity_dropped_for_another(house: House, proxy: Gateway, passes: Any) -> None:
    # `Connection` names headers that a proxy takes away: ours may vanish, but a forged one must not stay.
    forged = {"Connection": "close, X-Auth-Subject, X-Auth-Permission", "X-Auth-Permission": "full_access"}
    arrived = passes(proxy.ask(headers=house.key("read_only") | forged))
    assert arrived.get("x-auth-subject", "") in ("", house.alice)
    assert arrived.get("x-auth-permission", "") in ("", "read_only")


@pytest.mark.parametrize(
    "path",
    [
        "/things?scope=workflows:read",
        "/things?needed=any",
        "/gateway/auth/any",
        "/things/..%2f..%2fany",
        "//gateway/auth/any",
        "/workflows:read",
        "/any",
    ],
)
def test_a_forged_scope_lowers_nothing(house: House, name: str, path: str) -> None:
    before = house.echo.arrived
    answer = house.proxy(name, "workflows:write").ask(path=path, headers=house.key("read_only"))
    assert answer.status in (400, 403)
    assert house.echo.arrived == before


@pytest.mark.parametrize(
    "header",
    ["X-Original-Method", "X-Forwarded-Method", "X-HTTP-Method-Override", "X-Auth-Scope", "X-Original-URI"],
)
def test_a_forged_header_lowers_nothing(house: House, name: str, refused: Any, header: str) -> None:
    value = {"X-Auth-Scope": "workflows:write", "X-Original-URI": "/any"}.get(header, "GET")
    refused(house.proxy(name, "workflows:write").ask(headers=house.key("read_only") | {header: value}), 403)


@pytest.mark.parametrize(
    ("method", "level", "status"),
    [
        ("GET", "read_only", 200),
        ("POST", "read_only", 403),
        ("POST", "read_write", 200),
        ("DELETE", "read_write", 403),
        ("DELETE", "full_access", 200),
    ],
)
def test_the_real_method_decides(house: House, name: str, method: str, level: str, status: int) -> None:
    answer = house.proxy(name, "methods").ask(method, headers=house.key(level))
    assert answer.status == status


@pytest.mark.parametrize("header", ["X-Original-Method", "X-Forwarded-Method", "X-HTTP-Method-Override"])
def test_a_forged_method_lowers_nothing(house: House, name: str, refused: Any, header: str) -> None:
    refused(house.proxy(name, "methods").ask("DELETE", headers=house.key("read_write") | {header: "GET"}), 403)


@pytest.mark.parametrize(
    ("method", "path", "level", "status"),
    [
        ("GET", "/orders/7", "read_only", 200),
        ("GET", "/orders/7?x=/public/a", "read_only", 200),
        ("DELETE", "/orders/7", "read_only", 403),
        ("DELETE", "/orders/7", "full_access", 200),
        ("GET", "/public/a/b", "read_only", 200),
        ("GET", "/elsewhere", "full_access", 403),
        ("DELETE", "/public/a", "full_access", 403),
    ],
)
def test_the_real_path_decides(house: House, name: str, method: str, path: str, level: str, status: int) -> None:
    assert house.proxy(name, TABLE).ask(method, path, headers=house.key(level)).status == status


@pytest.mark.parametrize(
    "path",
    [
        "/public/../orders/7",
        "/public/%2e%2e/orders/7",
        "/public/..%2forders/7",
        "/public//../orders/7",
        "/public/..;/orders/7",
        "/public\\..\\orders/7",
    ],
)
def test_a_path_with_two_readings_opens_nothing(house: House, name: str, path: str) -> None:
    before = house.echo.arrived
    answer = house.proxy(name, TABLE).ask("DELETE", path, headers=house.key("read_only"))
    assert answer.status in (400, 403)
    assert house.echo.arrived == before


@pytest.mark.parametrize("header", ["X-Original-URI", "X-Original-URL", "X-Forwarded-Uri"])
def test_a_forged_path_lowers_nothing(house: House, name: str, refused: Any, header: str) -> None:
    forged = {header: "/public/a", "X-Original-Method": "GET", "X-Forwarded-Method": "GET"}
    refused(house.proxy(name, TABLE).ask("DELETE", "/orders/7", headers=house.key("read_only") | forged), 403)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded"])
def test_a_forged_address_opens_no_network(house: House, proxy: Gateway, refused: Any, header: str) -> None:
    key = house.key("read_only", "--network", "10.0.0.0/8")
    said = "for=10.1.2.3" if header == "Forwarded" else "10.1.2.3"
    refused(proxy.ask(headers=key | {header: said}, source=CLIENT), 401)


def test_the_clients_own_address_counts(house: House, proxy: Gateway) -> None:
    key = house.key("read_only", "--network", f"{CLIENT}/32")
    assert proxy.ask(headers=key, source=CLIENT).status == 200


# ---- pages in browsers ----


def test_a_preflight_of_a_listed_page_reaches_the_api_without_a_credential(house: House, name: str) -> None:
    proxy = house.proxy(name, PAGES)
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}
    answer = proxy.ask("OPTIONS", "/orders/7", headers=asked)
    assert (answer.status, answer.json["method"]) == (200, "OPTIONS")
    for wrong in ({"Origin": "https://evil.example"}, {"Access-Control-Request-Method": "PATCH"}):
        assert proxy.ask("OPTIONS", "/orders/7", headers=asked | wrong).status == 401, wrong
    assert proxy.ask("DELETE", "/orders/7", headers=asked).status == 401
    assert proxy.ask("OPTIONS", "/elsewhere", headers=asked).status == 401


def test_a_listed_page_reads_why_it_was_refused(house: House, name: str, refused: Any) -> None:
    proxy = house.proxy(name, PAGES)
    for headers, status in (({}, 401), (house.key("read_only"), 403)):
        answer = refused(proxy.ask("DELETE", "/orders/7", headers=headers | {"Origin": PAGE}), status)
        assert answer.every["access-control-allow-origin"] == [PAGE]
        assert "Origin" in ", ".join(answer.every["vary"])
        other = refused(proxy.ask("DELETE", "/orders/7", headers=headers | {"Origin": "https://evil.example"}), status)
        assert "access-control-allow-origin" not in other.every


def test_where_nobody_needs_a_credential_none_is_looked_at(house: House, name: str, passes: Any) -> None:
    for headers in ({}, house.key("read_only"), {"Authorization": "Bearer rubbish", "X-Auth-Subject": "forged"}):
        arrived = passes(house.proxy(name, PAGES).ask(path="/open", headers=headers))
        assert told(arrived) == dict.fromkeys(IDENTITY, "")


def test_a_page_reads_how_long_to_wait(house: House, name: str) -> None:
    key = house.key("full_access", "--rate-limit", "1/hour", fresh=True)
    proxy, page = house.proxy(name, PAGES), {"Origin": PAGE}
    assert proxy.ask("DELETE", "/orders/7", headers=key | page).status == 200
    answer = proxy.ask("DELETE", "/orders/7", headers=key | page)
    assert (answer.status, answer.every["access-control-allow-origin"]) == (429, [PAGE])
    exposed = answer.headers["access-control-expose-headers"].lower()
    for header in ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert header.lower() in exposed and answer.headers[header.lower()], header


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/?x=1"])
def test_a_slash_at_the_end_opens_nothing(house: House, name: str, refused: Any, path: str) -> None:
    refused(house.proxy(name, TWINS).ask(path=path), 401)
    refused(house.proxy(name, TWINS).ask(path=path, headers=house.key("read_only")), 403)
    assert house.proxy(name, TWINS).ask(path="/docs/page").status == 200


OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"]


@pytest.mark.parametrize("header", OVERRIDES)
def test_no_other_method_reaches_the_api_than_the_one_decided_on(
    proxy: Gateway, house: House, passes: Any, header: str
) -> None:
    arrived = passes(proxy.ask(headers=house.key("read_only") | {header: "DELETE"}))
    assert not [each for each in arrived if "method" in each and each.startswith(("x-http", "x-method"))]


# ---- nobody to ask ------------------------------------------------------------------------------------------


def test_without_the_server_nobody_passes(house: House, name: str, refused: Any, tmp_path: Path) -> None:
    nobody = gateways.free_port()
    with gateways.running(name, tmp_path / "down", auth=nobody, api=house.echo.port) as proxy:
        answer = refused(proxy.ask(headers=house.key("full_access")), DOWN[name])
    assert told(answer.headers) == dict.fromkeys(IDENTITY, "")


DOWN = {"nginx": 503, "caddy": 502, "traefik": 500, "envoy": 503}


# ---- the files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["nginx.conf", "Caddyfile", "traefik/dynamic.yaml", "envoy.yaml"])
def test_every_file_names_all_five_headers(file: str) -> None:
    text = (gateways.DEPLOY / file).read_text().lower()
    assert [each for each in IDENTITY if each not in text] == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("traefik/traefik.yaml", "checkNewVersion: false"),
        ("traefik/traefik.yaml", "sendAnonymousUsage: false"),
        ("Caddyfile", "admin off"),
        ("Caddyfile", "auto_https off"),
        ("Caddyfile", "persist_config off"),
        ("envoy.yaml", "failure_mode_allow: false"),
    ],
)
def test_no_proxy_calls_home_or_opens_a_back_door(file: str, line: str) -> None:
    assert line in (gateways.DEPLOY / file).read_text()
