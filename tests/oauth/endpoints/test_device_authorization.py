"""POST /oauth/device_authorization (RFC 8628 sections 3.1, 3.2 and 4)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.authorization import devices as waiting
from authserver.lib import pkce
from authserver.models import DeviceAuthorization
from tests.conftest import Person
from tests.support import devices, protocol
from tests.support.devices import ask, begun
from tests.support.protocol import VERIFIER, App, send

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.fixture
def television(app: Any) -> App:
    return devices.register()


def stored() -> list[DeviceAuthorization]:
    with database.reading() as session:
        return list(session.query(DeviceAuthorization))


def test_the_answer_has_every_member_of_section_3_2(television: App) -> None:
    said = begun(television)
    assert set(said) == {
        "device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval",
    }  # fmt: skip
    assert re.fullmatch(r"kaie_dc_[0-9A-Za-z]{36}", said["device_code"])
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", said["user_code"])
    assert said["verification_uri"] == "http://localhost:8000/device"
    assert said["verification_uri_complete"] == f"http://localhost:8000/device?user_code={said['user_code']}"
    assert (said["expires_in"], said["interval"]) == (600, 5)


def test_it_is_never_cached_and_no_other_origin_reads_it(television: App) -> None:
    """Section 3.2 has `Cache-Control: no-store`; devices are no pages."""
    reply = ask(television, {"origin": "https://app.example"})
    assert reply.header("cache-control") == "no-store"
    assert reply.header("access-control-allow-origin") is None


def test_neither_code_is_stored_as_it_is(television: App) -> None:
    said = begun(television)
    (row,) = stored()
    text = repr(vars(row))
    for code in (said["device_code"], said["user_code"], said["user_code"].replace("-", "")):
        assert code not in text


def test_no_two_codes_are_the_same(television: App) -> None:
    said = [begun(television) for _ in range(20)]
    assert len({each["device_code"] for each in said}) == len({each["user_code"] for each in said}) == 20


def test_an_app_with_a_secret_proves_it(app: Any) -> None:
    """Section 3.1: the client authentication of RFC 6749 section 3.2.1 applies."""
    confidential = devices.register(public=False, kind="web", application_type="web")
    assert begun(confidential)["device_code"]
    assert send(devices.PATH, {"client_id": confidential.id}).error == (400, "invalid_client")
    wrong = protocol.basic(confidential.id, "kaie_cs_" + "0" * 36)
    assert send(devices.PATH, {"scope": "openid"}, wrong).error == (401, "invalid_client")


def test_only_an_app_with_the_grant_may_ask(app: Any) -> None:
    assert ask(protocol.register(grant_types=["authorization_code"])).error == (400, "unauthorized_client")


def test_scopes_are_those_of_the_app(television: App) -> None:
    begun(television, scope="openid unknown:scope email")
    begun(television, scope=None)
    asked, silent = sorted(stored(), key=lambda row: len(row.scopes), reverse=True)
    assert (asked.scopes, asked.scope_asked) == (["openid", "email"], True)
    assert (silent.scopes, silent.scope_asked) == ([], False)


HOSTILE: dict[str, tuple[dict[str, Any] | bytes, tuple[int, str]]] = {
    "no scope that it has": ({"scope": "admin"}, (400, "invalid_scope")),
    "a scope of another form": ({"scope": 'a"b'}, (400, "invalid_scope")),
    "a resource of nobody": ({"resource": "https://nobody.example"}, (400, "invalid_target")),
    "a challenge without a method": ({"code_challenge": pkce.challenge(VERIFIER)}, (400, "invalid_request")),
    "plain": ({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, (400, "invalid_request")),
    "a method without a challenge": ({"code_challenge_method": "S256"}, (400, "invalid_request")),
    "a short challenge": ({"code_challenge": "x", "code_challenge_method": "S256"}, (400, "invalid_request")),
    "a parameter twice": (b"client_id=%b&scope=openid&scope=email", (400, "invalid_request")),
    "a client twice": (b"client_id=%b&client_id=%b", (400, "invalid_request")),
    "no form": (b"\xff\xfe", (400, "invalid_request")),
    "bad escapes": (b"client_id=%b&scope=%%zz", (400, "invalid_request")),
    "nothing": (b"", (400, "invalid_client")),
    "nobody": (b"client_id=nobody", (400, "invalid_client")),
    "a NUL": (b"client_id=%b&scope=openid%%00", (400, "invalid_request")),
    "a long client": (b"client_id=" + b"x" * 5000, (400, "invalid_client")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_are_refused_and_leave_nothing(television: App, name: str) -> None:
    fields, expected = HOSTILE[name]
    if isinstance(fields, bytes):
        reply = send(devices.PATH, fields.replace(b"%b", television.id.encode()).replace(b"%%", b"%"))
    else:
        reply = ask(television, **fields)
    assert reply.error == expected, reply.body
    assert not stored()


def test_parameters_of_the_query_and_other_methods_are_refused(television: App) -> None:
    assert send(devices.PATH, {"client_id": television.id}, query="scope=openid").error == (400, "invalid_request")
    assert send(devices.PATH, method="GET").status == 405


def test_one_network_asks_so_often_and_no_more(television: App) -> None:
    """Section 5.1 and 5.4: what anybody can ask for is bounded."""
    limit = waiting.PER_NETWORK
    assert {ask(television).status for _ in range(limit)} == {200}
    reply = ask(television)
    assert reply.error == (429, "slow_down") and int(reply.header("retry-after") or 0) > 0
    assert len(stored()) == limit


def test_who_has_many_networks_of_ipv6_asks_no_oftener_than_a_few_subscribers(television: App) -> None:
    limit = 4 * waiting.PER_NETWORK
    fields = {"client_id": television.id, "scope": "openid"}
    told = [send(devices.PATH, fields, ip=f"2001:db8:1:{number:x}::1").status for number in range(limit + 2)]
    assert told == [200] * limit + [429] * 2 and len(stored()) == limit


def test_it_is_announced(television: App) -> None:
    """Section 4, and RFC 8414 section 2 for the grant."""
    said = send(WELL_KNOWN, method="GET").json
    assert said["device_authorization_endpoint"] == "http://localhost:8000" + devices.PATH
    assert devices.GRANT in said["grant_types_supported"]


@pytest.mark.parametrize("overrides", [{"device": "off"}])
def test_switched_off_it_is_not_there(http: FlaskClient, alice: Person) -> None:
    off = devices.register()
    said = http.get(WELL_KNOWN).json or {}
    assert "device_authorization_endpoint" not in said and devices.GRANT not in said["grant_types_supported"]
    assert http.post(devices.PATH, data={"client_id": off.id}).status_code == 404
    assert http.get("/device").status_code == 404
    assert devices.poll(off, "kaie_dc_" + "0" * 36).error == (400, "unsupported_grant_type")
