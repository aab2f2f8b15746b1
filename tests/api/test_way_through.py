"""What every call of the API passes: credential, limit, path, scope, query, body; and one form for every answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import insert

from authserver import database
from authserver.api import ROUTES
from authserver.domain.api_keys import keys as api_keys
from authserver.edge import api_call
from authserver.edge.api_call import Route
from authserver.edge.exchange import Incoming
from authserver.edge.json_errors import ApiError
from authserver.lib import clock, secrets
from authserver.models import ApiKey
from tests.api.conftest import Caller, key_of, token_of
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.tables import rows

LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")


def test_without_a_credential_authentication_is_missing(call: Caller) -> None:
    answer = call("GET", "/v1/me")
    assert answer.error == (401, "MISSING_AUTHENTICATION")
    described = "http://localhost:8000/.well-known/oauth-protected-resource/v1"
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="kaie", resource_metadata="{described}"'
    assert answer.json["error"]["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "scope"),
    [("/v1/api-keys", "keys:manage"), ("/v1/sessions", "account"), ("/v1/webhooks", "settings:manage")],
)
@pytest.mark.parametrize("credential", [None, "garbage"])
def test_a_401_names_the_scopes_of_a_token_that_would_do(
    call: Caller, path: str, scope: str, credential: str | None
) -> None:
    """RFC 6750 section 3: what an MCP client asks for, instead of everything that there is."""
    answer = call("GET", path, credential)
    assert answer.error[0] == 401
    assert f', scope="{scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer kaie_ak_wrong", "INVALID_API_KEY"), ("Bearer garbage", "INVALID_TOKEN"),
        ("Bearer eyJhbGciOiJub25lIn0.e30.", "INVALID_TOKEN"), ("Basic YTpi", "MISSING_AUTHENTICATION"),
        ("ApiKey kaie_ak_wrong", "MISSING_AUTHENTICATION"), ("Bearer", "MISSING_AUTHENTICATION"),
    ],
)  # fmt: skip
def test_a_credential_that_is_not_good_is_named_by_its_form(call: Caller, authorization: str, code: str) -> None:
    answer = call("GET", "/v1/me", Authorization=authorization)
    assert answer.error == (401, code)
    assert "WWW-Authenticate" in answer.headers


def test_no_key_counts_in_the_query_or_a_cookie(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    assert call("GET", f"/v1/me?access_token={key}").error == (401, "MISSING_AUTHENTICATION")
    assert call("GET", "/v1/me", Cookie=f"session={key}").error == (401, "MISSING_AUTHENTICATION")


def test_me_tells_who_a_key_is(call: Caller, alice: Person) -> None:
    said = call("GET", "/v1/me", key_of(alice, "read_only", rate_limit="50/hour")).data
    assert (said["kind"], said["subject"], said["permission"]) == ("api_key", alice.id, "read_only")
    assert said["scopes"] == ["analytics:read", "workflows:read"] and said["client"] is None
    assert said["user"] == {"id": alice.id, "email": alice.email, "name": "Alice Martin"}
    assert said["rate_limit"] == {
        "policy": "api-key", "limit": 50, "window": 3600, "remaining": 49,
        "reset": said["rate_limit"]["reset"],
    }  # fmt: skip


def test_a_limit_is_told_in_the_same_words_everywhere(call: Caller, alice: Person) -> None:
    token = token_of(alice, "workflows:read", "account")
    answer = call("GET", "/v1/me", token)
    here = answer.data["rate_limit"]
    auditor = protocol.register(introspect_all=True)
    asked = protocol.introspect(auditor, token)
    assert asked.json["rate_limit"] == {**here, "allowed": True}
    usage = call("GET", "/v1/usage", token).data["rate_limit"]
    assert usage == {**here, "remaining": here["remaining"] - 1}
    headers = {name: answer.headers[f"X-RateLimit-{name.title()}"] for name in ("limit", "remaining", "reset")}
    assert {name: str(here[name]) for name in headers} == headers


def test_a_token_learns_of_its_person_what_they_consented_to(call: Caller, alice: Person) -> None:
    assert call("GET", "/v1/me", token_of(alice, "workflows:read")).data["user"]["email"] is None
    assert call("GET", "/v1/me", token_of(alice, "email")).data["user"]["email"] == alice.email
    assert call("GET", f"/v1/users/{alice.id}", token_of(alice, "workflows:read")).data["email"] is None


def test_a_clients_own_jwt_is_no_persons(call: Caller) -> None:
    app = protocol.register(jwks=own_jwts.key_set(own_jwts.pair()), scopes=["workflows:read"])
    credential = own_jwts.own(app.id)
    said = call("GET", "/v1/me", credential).data
    assert (said["kind"], said["user"], said["client"]["client_id"]) == ("jwt", None, app.id)
    assert call("GET", "/v1/me", credential).error == (401, "INVALID_TOKEN")  # used up


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/me", 200), ("GET", "/v1/nowhere", 404), ("POST", "/v1/me", 405), ("GET", "/v1", 404),
        ("GET", "/v1/api-keys", 403), ("GET", "/v1/errors/none", 404), ("GET", "/v1/usage?days=0", 400),
        ("GET", "/v1/me/", 404), ("GET", "/v1//me", 404), ("GET", "/v1/errors/%00", 404), ("GET", "/v1/errors/ü", 404),
    ],
)  # fmt: skip
def test_the_limits_headers_are_on_every_answer_to_a_credential(
    call: Caller, alice: Person, method: str, path: str, status: int
) -> None:
    answer = call(method, path, key_of(alice, "read_only"))
    assert answer.status == status
    assert all(name in answer.headers for name in LIMIT_HEADERS)
    assert answer.headers["Content-Type"] == "application/json"


def test_another_method_is_named(call: Caller, alice: Person) -> None:
    for credential in (None, key_of(alice)):
        answer = call("PUT", "/v1/api-keys", credential)
        assert answer.error == (405, "INVALID_REQUEST")
        assert answer.headers["Allow"] == "GET, POST"


def test_an_unknown_path_is_not_found_without_a_credential(call: Caller) -> None:
    assert call("GET", "/v1/nowhere").error == (404, "NOT_FOUND")


def test_over_the_limit_nothing_is_done(call: Caller, alice: Person) -> None:
    key = key_of(alice, rate_limit="2/hour")
    assert [call("GET", "/v1/me", key).status for _ in range(2)] == [200, 200]
    answer = call("POST", "/v1/api-keys", key, {"name": "CI", "permission": "read_only"})
    assert answer.error == (429, "RATE_LIMIT_EXCEEDED")
    assert answer.headers["Retry-After"] == str(answer.json["error"]["retry_after"])
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert len(answer.headers.get_all("X-RateLimit-Limit")) == 1
    assert api_keys.page(alice.id)[1] == 1


@rows(
    "query",
    ["page=0", "page=-1", "page=x", "page=1.5", "page=99999999", "limit=0", "limit=101", "limit=ten", "page=1&page=2",
     "limit=%", "page=%00", "status=nope", "page=１"],
)  # fmt: skip
def test_a_query_that_is_wrong_is_malformed(call: Caller, alice: Person, query: str) -> None:
    assert call("GET", f"/v1/api-keys?{query}", key_of(alice)).error == (400, "INVALID_REQUEST")


def test_a_list_is_paged_in_a_stable_order(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    for _ in range(4):
        key_of(alice)
    pages = [call("GET", f"/v1/api-keys?page={page}&limit=2", key).json for page in (1, 2, 3, 4)]
    ids = [row["id"] for page in pages for row in page["data"]]
    assert len(set(ids)) == len(ids) == 5
    told = [{name: page["pagination"][name] for name in ("page", "limit", "total")} for page in pages]
    assert told == [{"page": n, "limit": 2, "total": 5} for n in (1, 2, 3, 4)]
    assert ["next" in page["pagination"] for page in pages] == [True, True, False, False]


def test_a_list_is_followed_by_its_cursors(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    for _ in range(4):
        key_of(alice)
    path, seen = "/v1/api-keys?limit=2", []
    for _ in range(9):
        answer = call("GET", path, key).json
        seen += [row["id"] for row in answer["data"]]
        assert answer["pagination"]["total"] == 5
        if "next" not in answer["pagination"]:
            break
        path = "/v1/api-keys?limit=2&after=" + answer["pagination"]["next"]
    assert seen == [row["id"] for row in call("GET", "/v1/api-keys", key).json["data"]]


@rows("path", [route.path for route in ROUTES if route.many and "{" not in route.path])
@rows("cursor", ["x", "A" * 900, "%C3%A9", "AAAA"])
def test_a_cursor_that_no_answer_gave_is_malformed(call: Caller, ada: Person, path: str, cursor: str) -> None:
    assert call("GET", f"{path}?after={cursor}", key_of(ada)).error == (400, "INVALID_REQUEST")


def test_a_cursor_is_good_for_its_own_list_alone(call: Caller, ada: Person, alice: Person) -> None:
    key = key_of(ada)
    cursor = call("GET", "/v1/users?limit=1", key).json["pagination"]["next"]
    assert call("GET", f"/v1/users?limit=1&after={cursor}", key).status == 200
    assert call("GET", f"/v1/api-keys?after={cursor}", key).error == (400, "INVALID_REQUEST")


def test_beyond_a_thousand_the_total_says_that_there_are_more(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    now = clock.now()
    made = [
        {"id": f"key_{number:05}", "digest": secrets.random_bytes(32), "hint": "", "name": "k", "note": "",
         "owner_id": alice.id, "permission": "read_only", "allowed_networks": [], "created_at": now - number,
         "last_used_ip": "", "revoked_at": now}
        for number in range(999)
    ]  # fmt: skip
    with database.transaction() as session:
        session.execute(insert(ApiKey), made)
    paging = call("GET", "/v1/api-keys", key).json["pagination"]
    assert paging["total"] == 1000 and "total_is_more" not in paging
    key_of(alice)
    paging = call("GET", "/v1/api-keys", key).json["pagination"]
    assert (paging["total"], paging["total_is_more"]) == (1001, True)
    assert len(call("GET", "/v1/api-keys?page=50&limit=20", key).json["data"]) == 20, "pages go on behind it"


@rows(
    "body",
    [
        b"{", b"{'name': 1}", b'{"name": "a", "name": "b"}', b'{"a": {"b": 1, "b": 2}}', b'{"name": NaN}',
        b'{"name": 1e999}', b"[" * 40_000, b'{"a":' * 30 + b"1" + b"}" * 30, b'"\xff"', b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}', b'{"name": 123456789012345678901234567890}', b"\xef\xbb\xbf{}", b"1" * 5000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_plain_json_is_malformed(call: Caller, alice: Person, body: bytes) -> None:
    answer = call("POST", "/v1/api-keys", key_of(alice), body)
    assert answer.error == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json5"])
def test_a_body_of_another_type_is_malformed(call: Caller, alice: Person, kind: str) -> None:
    body = json.dumps({"name": "CI", "permission": "read_only"}).encode()
    assert call("POST", "/v1/api-keys", key_of(alice), body, Content_Type=kind).error == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("parameters", ["; charset=utf8", ";charset=ISO-8859-1", '; profile="a,b"'])
def test_parameters_of_its_type_decide_nothing(call: Caller, alice: Person, parameters: str) -> None:
    """JSON is UTF-8, and its media type has no parameters (RFC 8259 section 11)."""
    body = json.dumps({"name": "CI ä", "permission": "read_only"}, ensure_ascii=False).encode()
    answer = call("POST", "/v1/api-keys", key_of(alice), body, Content_Type="application/json" + parameters)
    assert answer.data["name"] == "CI ä"


def test_a_body_that_is_too_large_is_refused_in_the_format_of_the_api(call: Caller, alice: Person) -> None:
    answer = call("POST", "/v1/api-keys", key_of(alice), b'{"name": "' + b"a" * 70_000 + b'"}')
    assert answer.error == (413, "INVALID_REQUEST")


def test_a_fault_of_ours_is_an_internal_error(call: Caller, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(api_keys, "page", fail)
    answer = call("GET", "/v1/api-keys", key_of(alice))
    assert answer.error == (500, "INTERNAL_ERROR")
    assert "secret detail" not in str(answer.json) and "X-RateLimit-Limit" in answer.headers


def test_a_refusal_never_repeats_what_was_sent(call: Caller, alice: Person) -> None:
    answer = call("POST", "/v1/api-keys", key_of(alice), {"name": "CI", "permission": "<script>", "<img>": 1})
    assert "script" not in str(answer.json) and "img" not in str(answer.json)


def test_no_origin_may_read_answers_and_no_preflight_succeeds(call: Caller, alice: Person) -> None:
    answer = call("GET", "/v1/me", key_of(alice), Origin="https://app.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
    asked = call("OPTIONS", "/v1/me", Origin="https://app.example", Access_Control_Request_Method="GET")
    assert not [name for name, _ in asked.headers if name.lower().startswith("access-control-allow")]


@pytest.mark.parametrize(
    ("route", "name"),
    [(route, name) for route in ROUTES if route.method != "GET" for name in (*route.parameters, "unheard_of")],
    ids=lambda value: value if isinstance(value, str) else f"{value.method} {value.path}",
)
def test_what_changes_something_takes_no_parameter_for_its_default(route: Route, name: str) -> None:
    """`?apps=`, `?dry_run=` or `?dryrun=true`, taken for left out, would do what nobody asked for."""
    sent = Incoming(method=route.method, path=route.path, query=f"{name}=", headers={}, body=b"", ip="127.0.0.1")
    with pytest.raises(ApiError) as refused:
        api_call.query_of(route, sent)
    assert refused.value.status == 400
    assert "parameter" in refused.value.details and "unheard_of" not in refused.value.details
