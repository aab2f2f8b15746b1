"""POST /oauth/register, and what an app does with its registration (RFC 7591, RFC 7592)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask

from authserver import config, create_app, database
from authserver.domain.access import resources
from authserver.domain.clients import clients, endings, registration_tokens
from authserver.domain.ground import throttle
from authserver.domain.limits import changes
from authserver.domain.running import retention
from authserver.lib import clock, secrets
from authserver.models import Client
from tests.conftest import Person
from tests.support import protocol, registering
from tests.support.races import in_parallel
from tests.support.registering import MCP, PATH, manage, register

NOTES = "https://notes.example.test/mcp"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


@pytest.fixture
def token_alone(app: Flask) -> Any:
    with config.using(dataclasses.replace(config.current(), registration="token")):
        yield


# What is registered (RFC 7591 section 3)


def test_what_an_mcp_client_sends_is_registered_and_told_whole() -> None:
    reply = register()
    assert (reply.status, reply.header("cache-control")) == (201, "no-store")
    said = reply.json
    assert {name: said[name] for name in MCP} == MCP
    assert said["token_endpoint_auth_method"] == "client_secret_basic"  # RFC 7591 section 2: the default
    assert secrets.kind_of(said["client_secret"]) == "cs" and said["client_secret_expires_at"] == 0
    assert secrets.kind_of(said["registration_access_token"]) == "rat"
    assert said["registration_client_uri"] == f"http://localhost:8000{PATH}/{said['client_id']}"
    assert None not in said.values()


def test_a_public_client_has_no_secret() -> None:
    said = register(token_endpoint_auth_method="none").json
    assert said["token_endpoint_auth_method"] == "none"
    assert not {"client_secret", "client_secret_expires_at"} & said.keys()
    assert clients.get(said["client_id"]).public


CURSOR = {
    "client_name": "Cursor", "redirect_uris": ["cursor://anysphere.cursor-retrieval/oauth/user-notes/callback"],
    "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}  # fmt: skip
CLAUDE = {
    "client_name": "Claude Code (notes)", "redirect_uris": ["http://localhost:54321/callback"],
    "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    "token_endpoint_auth_method": "none", "scope": "notes:read claudeai",
}  # fmt: skip
INSPECTOR = {
    "redirect_uris": ["http://localhost:6274/oauth/callback"], "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    "client_name": "MCP Inspector", "client_uri": "https://github.com/modelcontextprotocol/inspector", "scope": "",
}  # fmt: skip
EDITOR = {
    "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
    "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    "response_types": ["code"],
    "redirect_uris": ["https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
    "token_endpoint_auth_method": "none", "application_type": "native", "software_id": "x", "logo_uri": "https://x/y",
}  # fmt: skip


@pytest.mark.parametrize(
    "document", [CURSOR, CLAUDE, INSPECTOR, EDITOR], ids=["cursor", "claude", "inspector", "editor"]
)
def test_clients_of_the_wild_are_served(document: dict[str, Any]) -> None:
    reply = register(document)
    assert reply.status == 201, reply.json
    facts = clients.get(reply.json["client_id"])
    assert (facts.native, facts.public, facts.self_registered) == (True, True, True)
    assert set(facts.grant_types) == set(document.get("grant_types", ["authorization_code"])), document["grant_types"]
    assert not {"logo_uri", "device_code"} & reply.json.keys()
    assert reply.json.get("software_id") == document.get("software_id")


def test_what_is_a_privilege_or_unknown_is_dropped_and_not_told() -> None:
    more = {
        "skip_consent": True, "introspect_all": True, "resource_server_for": ["https://api.example.test"],
        "resources": ["https://api.example.test"], "require_pkce": False, "rate_limit": "1/day", "jwt_reuse": True,
        "allowed_cors_origins": ["https://evil.example"], "access_token_ttl": 86_400, "id_token_claims": True,
        "required_scopes": "openid", "access_token_format": "opaque", "client_id": "chosen", "owner_id": "usr_x",
        "client_secret": "chosen", "made_up": {"a": 1}, "kind": "machine", "description": "x",
    }  # fmt: skip
    said = register(**more).json
    assert not (more.keys() - {"client_id", "client_secret"}) & said.keys()
    facts = clients.get(said["client_id"])
    assert said["client_id"] != "chosen" and said["client_secret"] != "chosen"
    assert (facts.owner_id, facts.installation, facts.vouched, facts.skip_consent) == (None, False, False, False)
    assert (facts.resource_server_for, facts.resources, facts.require_pkce, facts.rate_limit) == ((), (), None, None)
    assert (facts.allowed_cors_origins, facts.access_token_ttl, facts.id_token_claims) == ((), None, False)


WEB = {"application_type": "web", "redirect_uris": ["https://app.example.com/cb"]}
OF_OPENID: dict[str, Any] = {
    "id_token_signed_response_alg": "ES256", "userinfo_signed_response_alg": "RS256", "subject_type": "pairwise",
    "request_object_signing_alg": "none", "request_uris": ["https://app.example.com/request.jwt"],
    "default_max_age": 3600, "default_acr_values": ["aal1"], "require_auth_time": True,
    "token_endpoint_auth_signing_alg": "ES256",
}  # fmt: skip


def test_what_openid_connect_adds_is_honoured_and_echoed(app: Flask) -> None:
    """OpenID Connect Dynamic Client Registration 1.0, section 2."""
    said = register(**WEB, **OF_OPENID).json
    assert OF_OPENID.items() <= said.items()
    facts = clients.get(said["client_id"])
    assert (facts.id_token_alg, facts.userinfo_alg, facts.subject_type) == ("ES256", "RS256", "pairwise")
    assert (facts.request_object_alg, facts.default_max_age) == ("none", 3600)
    assert register(**WEB, default_max_age=0).json["default_max_age"] == 0, "at every sign-in"


@pytest.mark.parametrize(
    "wrong",
    [{"id_token_signed_response_alg": "none"}, {"id_token_signed_response_alg": "PS256"},
     {"userinfo_signed_response_alg": "HS256"}, {"userinfo_encrypted_response_alg": "RSA-OAEP"},
     {"introspection_signed_response_alg": "none"}, {"introspection_encrypted_response_alg": "RSA-OAEP"},
     {"introspection_encrypted_response_enc": "A128GCM"},
     {"subject_type": "other"}, {"request_object_signing_alg": "HS256"}, {"request_uris": ["https://127.0.0.1/r"]},
     {"request_uris": "https://app.example.com/r"}, {"default_max_age": "3600"}, {"default_max_age": -1},
     {"default_acr_values": "aal1"}, {"sector_identifier_uri": "https://127.0.0.1/s"}],
)  # fmt: skip
def test_what_openid_connect_adds_and_is_wrong_is_refused(app: Flask, wrong: dict[str, Any]) -> None:
    assert register(**WEB, **wrong).error == (400, "invalid_client_metadata")


def test_how_answers_come_and_what_is_given_unasked_is_said_by_the_app_itself() -> None:
    """What goes beyond the scopes that it gets is left out (RFC 7591 section 3.2.1)."""
    told = {"response_modes": ["query"], "initiate_login_uri": "https://app.example.test/login"}
    said = register(**told, scope="openid email", default_scopes="openid admin", optional_scopes="email admin").json
    assert {name: said[name] for name in told} == told
    assert (said["default_scopes"], said["optional_scopes"]) == ("openid", "email")


def test_where_a_sign_in_starts_is_https() -> None:
    """OpenID Connect Registration 1.0, section 2: `initiate_login_uri` uses the https scheme."""
    reply = register(initiate_login_uri="http://app.example.test/login")
    assert (reply.status, reply.json["error"]) == (400, "invalid_client_metadata")


def test_who_has_a_scheme_of_their_own_is_native_whatever_they_say() -> None:
    """RFC 7591 section 3.2.1: the answer tells what was put in place; oidc-agent asks with both of these."""
    uris = ["edu.kit.data.oidc-agent:/redirect", "http://localhost:8080"]
    assert register(application_type="web", redirect_uris=uris).json["application_type"] == "native"


def test_a_nameless_app_is_called_after_where_it_leads() -> None:
    assert (
        register(client_name=None, redirect_uris=["https://a.example.test/cb"]).json["client_name"] == "a.example.test"
    )


def test_scopes_are_those_of_the_list_whatever_is_asked() -> None:
    assert register(scope="openid admin introspect keys:manage nothing:known").json["scope"] == "openid"
    assert register(scope=None).json["scope"] == "openid profile email phone address offline_access"


def test_a_scope_of_an_open_api_needs_no_registration_and_ends_with_its_mark(app: Flask) -> None:
    client_id = register().json["client_id"]
    resources.create(NOTES, "Notes", scopes=("notes:read",), open=True)
    facts = clients.get(client_id)
    assert (facts.resources, facts.scopes) == ((NOTES,), ("openid", "offline_access", "notes:read"))
    assert "profile" not in facts.scopes, "it registered without"
    resources.update(NOTES, "Notes")
    assert (clients.get(client_id).resources, clients.get(client_id).scopes) == ((), ("openid", "offline_access"))


HOSTILE: dict[str, tuple[Any, str]] = {
    "no body": (b"", "invalid_client_metadata"),
    "no JSON": (b"{", "invalid_client_metadata"),
    "a list": (b"[]", "invalid_client_metadata"),
    "a member twice": (b'{"scope": "a", "scope": "b"}', "invalid_client_metadata"),
    "NUL": (b'{"client_name": "a\\u0000b", "redirect_uris": ["https://a.example/cb"]}', "invalid_client_metadata"),
    "not UTF-8": (b'{"client_name": "\xff"}', "invalid_client_metadata"),
    "deep": (b'{"jwks": ' + b"[" * 50 + b"]" * 50 + b"}", "invalid_client_metadata"),
    "a number": (b"1e999", "invalid_client_metadata"),
    **{
        f"redirect {uri}": ({**MCP, "redirect_uris": [uri]}, "invalid_redirect_uri")
        for uri in (
            "",
            "x",
            "http://evil.example/cb",
            "https://a.example/#f",
            "https://*.example/cb",
            "https://u:p@a.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "myapp://cb",
            "ms-word:x",
            "https://a.example/../cb",
            "https://a.example\\@b.example/",
            "blob:https://a.example/x",
            "intent://x",
            "https://ünicode.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "com.example.app:",
            "about:blank",
            "claude_desktop://cb",
            "https://a.example/\ncb",
            "HTTPS://A.example/cb",
        )
    },
    "no redirect": ({**MCP, "redirect_uris": []}, "invalid_redirect_uri"),
    "none at all": ({"client_name": "x"}, "invalid_redirect_uri"),
    "a text for a list": ({**MCP, "redirect_uris": "https://a.example/cb"}, "invalid_redirect_uri"),
    "too many": ({**MCP, "redirect_uris": [f"https://a.example/{n}" for n in range(51)]}, "invalid_redirect_uri"),
    "one twice": ({**MCP, "redirect_uris": ["https://a.example/cb"] * 2}, "invalid_redirect_uri"),
    "a long name": ({**MCP, "client_name": "x" * 10_000}, "invalid_client_metadata"),
    "a name that turns": ({**MCP, "client_name": "a\u202eb"}, "invalid_client_metadata"),
    "a name of two lines": ({**MCP, "client_name": "a\nb"}, "invalid_client_metadata"),
    "a name that is none": ({**MCP, "client_name": 7}, "invalid_client_metadata"),
    "implicit alone": ({**MCP, "grant_types": ["implicit"]}, "invalid_client_metadata"),
    "machine alone": ({**MCP, "grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    "no grant": ({**MCP, "grant_types": []}, "invalid_client_metadata"),
    "token alone": ({**MCP, "response_types": ["token"]}, "invalid_client_metadata"),
    "a method that is not here": ({**MCP, "token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    "protection that is not here": ({**MCP, "dpop_bound_access_tokens": True}, "invalid_client_metadata"),
    "keys that are private": (
        {**MCP, "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"}]}},
        "invalid_client_metadata",
    ),
    "keys of an inner host": ({**MCP, "jwks_uri": "https://127.0.0.1/jwks"}, "invalid_client_metadata"),
    "keys over http": ({**MCP, "jwks_uri": "http://a.example/jwks"}, "invalid_client_metadata"),
    "a homepage that runs": ({**MCP, "client_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
    "a policy over http": ({**MCP, "policy_uri": "http://a.example/"}, "invalid_client_metadata"),
    "a contact that is none": ({**MCP, "contacts": ["<script>"]}, "invalid_client_metadata"),
    "a bad scope": ({**MCP, "scope": 'a"b'}, "invalid_client_metadata"),
    "a long scope": ({**MCP, "scope": "a" * 5000}, "invalid_client_metadata"),
    "another algorithm": ({**MCP, "id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
    "a statement": ({**MCP, "software_statement": "eyJhbGciOiJub25lIn0.e30."}, "unapproved_software_statement"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_documents_are_refused_in_the_words_of_the_specification(case: str) -> None:
    document, error = HOSTILE[case]
    reply = register(document)
    assert reply.error == (400, error), reply.json
    assert reply.json["error_description"].isascii()
    with database.reading() as session:
        assert session.query(Client).count() == 0


def test_another_content_type_is_refused() -> None:
    reply = protocol.send(PATH, b"{}", {"content-type": "text/plain"})
    assert reply.error == (400, "invalid_client_metadata")


def test_a_page_of_any_origin_may_register() -> None:
    headers = {"origin": "https://inspector.example", "content-type": "application/json"}
    assert protocol.send(PATH, b"{}", headers).header("access-control-allow-origin") == "*"
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "mcp-protocol-version"}
    preflight = protocol.send(PATH, None, headers | asking, method="OPTIONS")
    assert (preflight.status, preflight.header("access-control-allow-headers")) == (204, "mcp-protocol-version")


# Who may register (RFC 7591 section 3, contract 12)


def test_one_network_registers_so_many_and_is_told_when_to_come_again() -> None:
    replies = [register() for _ in range(21)]
    assert [each.status for each in replies] == [201] * 20 + [429]
    assert int(replies[-1].header("retry-after") or 0) > 0


@pytest.mark.parametrize("presented", ["", "x", "kaie_iat_" + "0" * 36], ids=["none", "nonsense", "unknown"])
def test_without_a_good_token_nothing_is_registered_where_one_is_needed(token_alone: None, presented: str) -> None:
    reply = register(token=presented)
    assert reply.error == (401, "invalid_token")
    assert "Bearer" in (reply.header("www-authenticate") or "")


def test_a_token_is_good_for_its_uses_and_its_time(token_alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    token = registering.token(uses=2)
    assert [register(token=token).status for _ in range(3)] == [201, 201, 401]
    late, now = registering.token(expires_in=60), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 61)
    assert register(token=late).status == 401


def test_a_refused_document_costs_no_use(token_alone: None) -> None:
    token = registering.token()
    assert register(redirect_uris=[], token=token).status == 400
    assert register(token=token).status == 201


def test_a_revoked_token_is_good_for_nothing_and_its_apps_stay(token_alone: None) -> None:
    row, token = registration_tokens.create(uses=2)
    made = register(token=token).json
    registration_tokens.revoke(row.id)
    assert register(token=token).status == 401
    assert manage("GET", made).status == 200
    stored = clients.stored(made["client_id"])
    assert stored is not None and stored.registered_with == row.id


def test_of_many_at_once_a_token_lets_in_as_many_as_it_has_uses(token_alone: None) -> None:
    token = registering.token(uses=3)
    found = in_parallel(12, lambda: register(token=token).status, threads=6)
    assert sorted(found) == [201] * 3 + [401] * 9


def test_a_wrong_token_is_refused_where_none_is_needed_too() -> None:
    assert register(token="kaie_iat_" + "0" * 36).status == 401


def test_switched_off_it_is_nowhere(app: Flask) -> None:
    settings = dataclasses.replace(config.current(), registration="off")
    with config.using(settings):
        there = create_app(settings).test_client()
        answer = there.post(PATH, json=MCP)
        assert (answer.status_code, answer.is_json) == (404, True)
        assert there.get(f"{PATH}/cl_x").status_code == 404
        assert "registration_endpoint" not in there.get("/.well-known/oauth-authorization-server").json
    assert protocol.send("/.well-known/oauth-authorization-server", method="GET").json["registration_endpoint"] == (
        "http://localhost:8000/oauth/register"
    )


# The registration itself (RFC 7592)


def test_an_app_reads_its_registration_and_the_token_stays() -> None:
    made = register().json
    said = manage("GET", made).json
    expected = {name: value for name, value in made.items() if not name.startswith("client_secret")}
    assert said == expected, "the secret is kept as a digest alone"
    assert manage("GET", made).status == 200


def test_a_change_replaces_everything_and_the_token() -> None:
    made = register(client_uri="https://a.example.test", contacts=["a@example.test"]).json
    document = {"client_id": made["client_id"], "redirect_uris": ["https://b.example.test/cb"], "scope": "openid"}
    reply = manage("PUT", made, document)
    assert reply.status == 200, reply.json
    said = reply.json
    assert (said["redirect_uris"], said["scope"]) == (["https://b.example.test/cb"], "openid")
    assert not {"client_uri", "contacts", "client_secret"} & said.keys(), "what is left out is taken back"
    assert said["registration_access_token"] != made["registration_access_token"]
    assert manage("GET", made).status == 401, "the old token has ended"
    assert manage("GET", said).json["client_id"] == made["client_id"]


def test_an_app_changes_itself_so_often_and_nobody_else_spends_its_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LIMIT", "2/hour")
    made = first = register().json
    for _ in range(3):
        assert manage("PUT", {**made, "registration_access_token": "kaie_rat_x"}, {}).status == 401
    for status in (200, 200, 429):
        document = {"client_id": made["client_id"], "redirect_uris": ["https://b.example.test/cb"]}
        reply = manage("PUT", made, document)
        assert reply.status == status, reply.json
        made = reply.json if status == 200 else made
    assert int(reply.header("retry-after") or 0) > 0 and manage("GET", made).status == 200
    assert manage("GET", first).status == 401


@pytest.mark.parametrize("wrong", [
    {"client_id": "cl_other"}, {"client_id": None}, {"client_secret": "wrong"}, {"client_secret": 1},
    {"registration_access_token": "x"}, {"registration_client_uri": "x"}, {"client_id_issued_at": 1},
    {"client_secret_expires_at": 0}, {"redirect_uris": ["javascript:x"]}, {"token_endpoint_auth_method": "none"},
    {"software_statement": "x"},
])  # fmt: skip
def test_a_change_that_breaks_a_rule_changes_nothing_and_the_token_stays(wrong: dict[str, Any]) -> None:
    made = register().json
    document = {**MCP, "client_id": made["client_id"], "client_name": "Changed", **wrong}
    reply = manage("PUT", made, {name: value for name, value in document.items() if value is not None})
    assert reply.status == 400
    assert manage("GET", made).json["client_name"] == MCP["client_name"]


def test_the_present_secret_may_be_repeated() -> None:
    made = register().json
    document = {**MCP, "client_id": made["client_id"], "client_secret": made["client_secret"]}
    assert manage("PUT", made, document).status == 200


def test_of_many_changes_at_once_one_has_the_token() -> None:
    made = register().json
    document = {**MCP, "client_id": made["client_id"], "client_name": "Changed"}
    found = in_parallel(8, lambda: manage("PUT", made, document), threads=4)
    assert sorted(each.status for each in found) == [200] + [401] * 7
    won = next(each.json for each in found if each.status == 200)
    assert manage("GET", won).status == 200


def test_an_app_that_is_removed_is_not_there_any_more() -> None:
    made = register().json
    assert manage("DELETE", made).status == 204
    assert manage("DELETE", made).status == 401
    assert manage("GET", made).status == 401
    facts = clients.find(made["client_id"])
    assert facts is None or facts.deleted_at is not None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_token_of_one_app_is_nothing_at_another(method: str) -> None:
    made, other = register().json, register().json
    document = {**MCP, "client_id": other["client_id"]} if method == "PUT" else None
    for presented in (made["registration_access_token"], "", "x", made["client_secret"], registering.token()):
        assert manage(method, other, document, token=presented).error == (401, "invalid_token")
    assert manage("GET", other).status == 200


def test_an_app_that_was_stopped_is_not_found_by_its_token() -> None:
    made = register().json
    endings.disable(None, made["client_id"])
    assert manage("GET", made).status == 401


def test_what_an_administrator_lends_it_is_not_redirected(app: Flask) -> None:
    made = register().json
    protocol.change(protocol.App(made["client_id"], ""), introspect_all=True)
    document = {**MCP, "client_id": made["client_id"], "redirect_uris": ["https://evil.example/cb"]}
    assert manage("PUT", made, document).status == 400
    assert manage("PUT", made, {**MCP, "client_id": made["client_id"], "client_name": "New"}).status == 200


# What becomes of it (contract 11.55)


def age(client_id: str, seconds: int) -> None:
    with database.transaction() as session:
        session.get_one(Client, client_id).created_at = clock.now() - seconds


def test_one_that_nobody_used_goes_after_a_day_and_a_used_one_stays(alice: Person) -> None:
    used, unused, young = (register().json for _ in range(3))
    app = protocol.App(used["client_id"], used["client_secret"])
    code = protocol.allow(alice.id, app, scopes=["openid"])
    reply = protocol.send(
        "/oauth/token",
        {"grant_type": "authorization_code", "code": code, "redirect_uri": protocol.CALLBACK,
         "code_verifier": protocol.VERIFIER}, app.basic,
    )  # fmt: skip
    assert reply.status == 200, reply.json
    for each in (used, unused):
        age(each["client_id"], 86_401)
    assert retention.purge()["clients"] == 1
    assert [clients.find(each["client_id"]) is not None for each in (used, unused, young)] == [True, False, True]


def test_it_gets_no_token_for_itself() -> None:
    made = register(grant_types=["authorization_code", "refresh_token", "client_credentials"]).json
    assert made["grant_types"] == ["authorization_code", "refresh_token"]
    app = protocol.App(made["client_id"], made["client_secret"])
    assert protocol.client_credentials(app).error == (400, "unauthorized_client")


def test_a_transfer_ends_its_registration(app: Flask, alice: Person, ada: Person) -> None:
    from authserver.domain.clients import transfers

    made = register().json
    transfers.offer(ada.user, made["client_id"], alice.user)
    transfers.accept(alice.user, made["client_id"], "end")
    assert manage("GET", made).status == 401


def test_the_log_says_that_it_registered_itself(app: Flask, ada: Person) -> None:
    from authserver.domain.insight import audit_search, audit_sentences  # noqa: F401
    from authserver.domain.record import audit

    register()
    event = next(each for each in audit.page()[0] if each.type == "client.created")
    assert audit_sentences.for_viewer([event], ada.user)[0].sentence == "Notes agent registered itself"


@pytest.mark.parametrize("client_id", ["", "a\0b", "\xff", "x" * 65, "cl_unknown"])
def test_an_address_that_is_no_apps_is_one_refusal(client_id: str) -> None:
    made = register().json
    for method in ("GET", "PUT", "DELETE"):
        assert manage(method, {**made, "client_id": client_id}, MCP).error == (401, "invalid_token")


def test_one_network_changes_registrations_so_often_and_reads_them_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "REVISIONS_PER_ADDRESS", 3)
    apps = [register().json for _ in range(4)]
    changed = [manage("PUT", made, {**MCP, "client_id": made["client_id"], "client_name": "New"}) for made in apps]
    assert [each.status for each in changed] == [200] * 3 + [429]
    assert int(changed[-1].header("retry-after") or 0) > 0
    assert manage("GET", apps[-1]).status == 200 and manage("DELETE", apps[-1]).status == 204
