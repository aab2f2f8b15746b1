"""The decision for a proxy: who may pass, and that nothing a client sends can lower what is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.access import gateway_routes
from authserver.domain.access.gateway_routes import Rule
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.insight import refusals
from authserver.errors import Invalid
from authserver.observability import logs
from tests.conftest import Person
from tests.support.tables import rows

IDENTITY = ("X-Auth-Subject", "X-Auth-Client-Id", "X-Auth-Scope", "X-Auth-Credential", "X-Auth-Permission")
READ, WRITE = ("workflows:read",), ("workflows:write",)


@pytest.fixture
def key(alice: Person) -> Callable[[str], dict[str, str]]:
    """Makes the Authorization header of a key of Alice's."""

    def make(level: str, **more: Any) -> dict[str, str]:
        _, value = api_keys.create(alice.user, api_keys.Wish("proxy", level, **more))
        return {"Authorization": f"Bearer {value}"}

    return make


@pytest.fixture
def table(app: object) -> None:
    gateway_routes.save("shop", gateway_routes.parse("GET /orders/{id} workflows:read\n* /orders/** workflows:write"))


class TestIdentity:
    def test_a_good_credential_passes_with_all_identity_headers(
        self, http: FlaskClient, key: Any, alice: Person
    ) -> None:
        answer = http.get("/gateway/auth/workflows:read", headers=key("read_only"))
        assert (answer.status_code, answer.data) == (200, b"")
        assert {name: answer.headers[name] for name in IDENTITY} == {
            "X-Auth-Subject": alice.id,
            "X-Auth-Client-Id": "",
            "X-Auth-Scope": "analytics:read workflows:read",
            "X-Auth-Credential": "api_key",
            "X-Auth-Permission": "read_only",
        }

    def test_a_refusal_empties_every_identity_header(self, http: FlaskClient) -> None:
        answer = http.get("/gateway/auth", headers={"X-Auth-Subject": "somebody"})
        assert answer.status_code == 401
        assert [answer.headers[name] for name in IDENTITY] == [""] * 5
        assert answer.get_json()["error"]["code"] == "MISSING_AUTHENTICATION"

    def test_the_rate_limit_shows_on_every_answer_to_a_credential(self, http: FlaskClient, key: Any) -> None:
        header = key("read_only")
        assert http.get("/gateway/auth/any", headers=header).headers["X-RateLimit-Remaining"] == "999"
        refused = http.get("/gateway/auth/workflows:delete", headers=header)
        assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (403, "998")

    def test_a_spent_limit_is_429_with_retry_after(self, http: FlaskClient, key: Any) -> None:
        header = key("read_only", rate_limit="2/hour")
        statuses = [http.get("/gateway/auth", headers=header).status_code for _ in range(3)]
        answer = http.get("/gateway/auth", headers=header)
        assert statuses == [200, 200, 429]
        assert int(answer.headers["Retry-After"]) == answer.get_json()["error"]["retry_after"] > 3500

    @pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    def test_every_method_is_answered(self, http: FlaskClient, key: Any, method: str) -> None:
        answer = http.open("/gateway/envoy/any/some/path", method=method, headers=key("read_only"))
        assert answer.status_code == 200


class TestNeeded:
    @rows(
        ("level", "needed", "status"),
        [
            ("read_only", "workflows:read", 200),
            ("read_only", "workflows:read+analytics:read", 200),
            ("read_only", "workflows:write", 403),
            ("read_only", "workflows:read+workflows:write", 403),
            ("read_write", "workflows:write", 200),
            ("full_access", "workflows:delete", 200),
            ("full_access", "admin", 403),  # its owner is no administrator
            ("full_access", "no:such-scope", 403),
            ("full_access", "unknown-table", 403),
            ("full_access", "workflows:read+", 403),
        ],
    )
    @rows("shape", ["/gateway/auth/{}", "/gateway/envoy/{}/orders/1"])
    def test_the_path_says_what_is_needed(
        self, http: FlaskClient, key: Any, shape: str, level: str, needed: str, status: int
    ) -> None:
        assert http.get(shape.format(needed), headers=key(level)).status_code == status

    @pytest.mark.parametrize("shape", ["/gateway/auth/{}", "/gateway/envoy/{}/orders/1"])
    @pytest.mark.parametrize(
        ("needed", "said", "unknown"),
        [
            ("shopp", "shopp", '"shopp"'),
            ("workflows:read+workflows:raed", "workflows:read+workflows:raed", '"workflows:raed"'),
            ("a+b", "a+b", '"a", "b"'),
            ("%0d%0aX-Evil%3a%201", "??X-Evil:?1", '"??X-Evil:?1"'),
            ("%1b%5b31m%e2%80%ae", "??31m???", '"??31m???"'),
            ("x" * 3000, "x" * 60 + "…", '"' + "x" * 60 + '…"'),
        ],
    )
    def test_an_unknown_name_is_told_to_the_operator(
        self,
        http: FlaskClient,
        key: Any,
        monkeypatch: pytest.MonkeyPatch,
        shape: str,
        needed: str,
        said: str,
        unknown: str,
    ) -> None:
        logged: list[dict[str, Any]] = []
        monkeypatch.setattr(logs, "event", lambda name, **members: logged.append({"event": name, **members}))
        answer = http.get(shape.format(needed), headers=key("full_access"))
        error = answer.get_json()["error"]
        assert (answer.status_code, error["code"]) == (403, "INSUFFICIENT_PERMISSIONS")
        assert f'asks for "{said}", but {unknown} is unknown here.' in error["details"]
        assert "the name of a route table" in error["details"]
        assert error["message"] == "No credential may pass here."
        assert len(error["details"]) < 400 and error["details"].isprintable()
        [line] = [each for each in logged if each["event"] == "gateway_misconfigured"]
        assert (line["level"], line["needed"], line["tables"]) == ("warning", said, [])

    def test_the_owner_of_the_key_sees_that_nothing_is_wrong_with_it(
        self, http: FlaskClient, key: Any, alice: Person
    ) -> None:
        error = http.get("/gateway/auth/unknown-table", headers=key("full_access")).get_json()["error"]
        refusals.flush()
        checks = refusals.get(refusals.Viewer(user=alice.user), error["request_id"]).checks
        assert [(each["check"], each["ok"]) for each in checks] == [("credential", True), ("request", False)]
        assert "unknown-table" in checks[1]["received"]

    def test_somebody_unknown_learns_nothing_about_names(self, http: FlaskClient) -> None:
        answer = http.get("/gateway/auth/unknown-table")
        assert (answer.status_code, "unknown-table" in answer.get_data(as_text=True)) == (401, False)

    @rows(
        "forged",
        [
            {"X-Original-Method": "GET"},
            {"X-Auth-Scope": "workflows:delete"},
            {"X-Forwarded-Uri": "/orders/1", "X-Forwarded-Method": "GET"},
            {"X-Required-Scope": "workflows:read"},
        ],
    )
    @rows("query", ["", "?scope=workflows:read", "?needed=any"])
    def test_nothing_a_client_sends_lowers_it(
        self, http: FlaskClient, key: Any, forged: dict[str, str], query: str
    ) -> None:
        answer = http.get(f"/gateway/auth/workflows:delete{query}", headers=key("read_write") | forged)
        assert answer.status_code == 403


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "level", "status"),
        [
            ("GET", "read_only", 200),
            ("HEAD", "read_only", 200),
            ("POST", "read_only", 403),
            ("PATCH", "read_write", 200),
            ("DELETE", "read_write", 403),
            ("DELETE", "full_access", 200),
            ("BREW", "full_access", 403),
        ],
    )
    def test_the_original_method_decides(
        self, http: FlaskClient, key: Any, method: str, level: str, status: int
    ) -> None:
        header = key(level)
        told = http.get("/gateway/auth/methods", headers=header | {"X-Original-Method": method})
        assert told.status_code == status

    def test_envoy_sends_it_in_the_request_line(self, http: FlaskClient, key: Any) -> None:
        header = key("read_only")
        assert http.get("/gateway/envoy/methods/orders", headers=header).status_code == 200
        assert http.delete("/gateway/envoy/methods/orders", headers=header).status_code == 403

    def test_without_any_original_method_nobody_passes(self, http: FlaskClient, key: Any) -> None:
        assert http.get("/gateway/auth/methods", headers=key("full_access")).status_code == 403

    def test_two_methods_add_up(self, http: FlaskClient, key: Any) -> None:
        both = {"X-Original-Method": "DELETE", "X-Forwarded-Method": "GET"}
        assert http.get("/gateway/auth/methods", headers=key("read_write") | both).status_code == 403


@pytest.mark.usefixtures("table")
class TestTables:
    @rows(
        ("method", "uri", "level", "status"),
        [
            ("GET", "/orders/1", "read_only", 200),
            ("GET", "/orders/1?x=/public", "read_only", 200),
            ("GET", "/orders/1/lines", "read_only", 403),
            ("POST", "/orders", "read_only", 403),
            ("POST", "/orders", "read_write", 200),
            ("GET", "/elsewhere", "full_access", 403),
            ("GET", "/orders/../orders/1", "full_access", 403),
            ("GET", "/orders//1", "full_access", 403),
            ("GET", "/orders/%2e%2e/1", "full_access", 403),
            ("GET", "/orders/1;admin", "full_access", 403),
            ("GET", "/orders/1#lines", "full_access", 403),
            ("GET", "/orders/1\\..", "full_access", 403),
            ("GET", "/orders/1%2Flines", "full_access", 403),
            ("GET", "/orders/1%5clines", "full_access", 403),
            ("GET", "/orders/1%20", "full_access", 403),
        ],
    )
    def test_method_and_path_decide(
        self, http: FlaskClient, key: Any, method: str, uri: str, level: str, status: int
    ) -> None:
        original = {"X-Original-Method": method, "X-Original-URI": uri}
        assert http.get("/gateway/auth/shop", headers=key(level) | original).status_code == status

    def test_a_second_path_can_only_raise_the_need(self, http: FlaskClient, key: Any) -> None:
        original = {"X-Original-Method": "GET", "X-Original-URI": "/orders/1/lines", "X-Forwarded-Uri": "/orders/1"}
        assert http.get("/gateway/auth/shop", headers=key("read_only") | original).status_code == 403

    def test_envoy_sends_the_path_behind_the_prefix(self, http: FlaskClient, key: Any) -> None:
        header = key("read_only")
        assert http.get("/gateway/envoy/shop/orders/7?a=b", headers=header).status_code == 200
        assert http.put("/gateway/envoy/shop/orders/7", headers=header).status_code == 403

    def test_a_path_without_a_method_does_not_pass(self, http: FlaskClient, key: Any) -> None:
        assert (
            http.get("/gateway/auth/shop", headers=key("full_access") | {"X-Original-URI": "/orders/1"}).status_code
            == 403
        )

    @pytest.mark.parametrize(
        ("original", "why"),
        [
            ({}, "no original method and path"),
            ({"X-Original-Method": "GET"}, "no original method and path"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/elsewhere"}, "shop has no rule for this request"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/../1"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/%2531"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/1%25"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/1;x=y"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/1%3Bx"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders\\\\1"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/%FF"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/./1"}, "read in two ways"),
            ({"X-Original-Method": "GET", "X-Original-URI": "/orders/%2E%2E/1"}, "read in two ways"),
        ],
    )
    def test_a_refusal_for_everybody_says_why(
        self, http: FlaskClient, key: Any, original: dict[str, str], why: str
    ) -> None:
        answer = http.get("/gateway/auth/shop", headers=key("full_access") | original)
        assert (answer.status_code, why in answer.get_json()["error"]["details"]) == (403, True)

    def test_a_removed_table_refuses_everybody(self, http: FlaskClient, key: Any) -> None:
        gateway_routes.remove("shop")
        assert http.get("/gateway/envoy/shop/orders/7", headers=key("full_access")).status_code == 403


PAGE = "https://app.example.com"


@pytest.fixture
def open_table(app: object) -> None:
    gateway_routes.save(
        "open",
        gateway_routes.parse(
            f"cors {PAGE} http://localhost:3000\nGET /orders/{{id}} workflows:read\n"
            "POST,DELETE /orders/** workflows:write\nGET /health public\nOPTIONS /files/** public\n* /any\n"
            "GET /a workflows:delete\nGET /b/ workflows:delete\n* /b public\n* /a/** public"
        ),
    )


def asked(method: str, path: str, **headers: str) -> dict[str, str]:
    told = {"X-Original-Method": method, "X-Original-URI": path}
    return told | {name.replace("_", "-"): value for name, value in headers.items()}


class TestPublic:
    @pytest.mark.parametrize("path", ["/gateway/auth/public", "/gateway/envoy/public/orders/1"])
    def test_nobody_needs_a_credential_and_one_is_ignored(self, http: FlaskClient, key: Any, path: str) -> None:
        for headers in ({}, key("full_access"), {"Authorization": "Bearer rubbish"}, {"X-Auth-Subject": "forged"}):
            answer = http.get(path, headers=headers)
            assert answer.status_code == 200, headers
            assert [answer.headers[name] for name in IDENTITY] == [""] * 5
            assert "X-RateLimit-Limit" not in answer.headers

    @pytest.mark.parametrize("needed", ["public+workflows:read", "workflows:read+public", "public+", "PUBLIC", "publi"])
    def test_it_stands_alone(self, http: FlaskClient, key: Any, needed: str) -> None:
        assert http.get(f"/gateway/auth/{needed}").status_code == 401
        assert http.get(f"/gateway/auth/{needed}", headers=key("full_access")).status_code == 403

    @pytest.mark.usefixtures("open_table")
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/health", 200), ("POST", "/health", 401), ("GET", "/any", 401), ("GET", "/orders/1", 401),
            ("OPTIONS", "/files/x", 200), ("GET", "/files/x", 401), ("OPTIONS", "/orders/1", 401),
            ("GET", "/a", 401), ("GET", "/a/", 401), ("GET", "/a/x", 200),  # /a/ is no way around the rule for /a
            ("GET", "/b", 200), ("GET", "/b/", 401), ("POST", "/b", 200), ("POST", "/b/", 401),
        ],
    )  # fmt: skip
    def test_a_rule_says_so_for_a_path(self, http: FlaskClient, method: str, path: str, status: int) -> None:
        assert http.get("/gateway/auth/open", headers=asked(method, path)).status_code == status
        assert http.open(f"/gateway/envoy/open{path}", method=method).status_code == status

    @pytest.mark.usefixtures("open_table")
    def test_two_paths_add_up(self, http: FlaskClient) -> None:
        both = asked("GET", "/health", X_Forwarded_Uri="/orders/1")
        assert http.get("/gateway/auth/open", headers=both).status_code == 401

    @pytest.mark.usefixtures("open_table")
    @pytest.mark.parametrize("name", ["X_Original_URI", "X_Original_URL", "X_Forwarded_Uri"])
    @pytest.mark.parametrize(
        "two", ["/health,/orders/1", "/health, /orders/1", "/orders/1,/health", "/health,http://a/orders/1"]
    )
    def test_two_headers_of_one_name_add_up(self, http: FlaskClient, name: str, two: str) -> None:
        """A proxy that adds its header to a forged one: they arrive as one, with a comma (RFC 9110 section 5.3)."""
        sent = {"X-Original-Method": "GET", name.replace("_", "-"): two}
        assert http.get("/gateway/auth/open", headers=sent).status_code in (401, 403)
        sent[name.replace("_", "-")] = "/health"
        assert http.get("/gateway/auth/open", headers=sent).status_code == 200

    @pytest.mark.parametrize("name", ["X-Original-Method", "X-Forwarded-Method"])
    @pytest.mark.parametrize("two", ["PATCH,GET", "GET, PATCH", "PATCH ,get", "GET,"])
    def test_two_methods_under_one_name_add_up(self, http: FlaskClient, key: Any, name: str, two: str) -> None:
        gateway_routes.save("methodical", gateway_routes.parse("GET /x keys:manage\n* /** public"))
        for needed in ("methodical", "methods"):
            sent = {name: two, "X-Original-URI": "/x"} | key("read_only")
            assert http.get(f"/gateway/auth/{needed}", headers=sent).status_code == (
                200 if needed == "methods" and "PATCH" not in two else 403
            )

    @pytest.mark.usefixtures("open_table")
    def test_a_slash_at_the_end_is_never_the_weaker_way(self, http: FlaskClient, key: Any) -> None:
        for path in ("/a", "/a/", "/b/"):
            for level, status in (("read_write", 403), ("full_access", 200)):
                answer = http.get("/gateway/auth/open", headers=asked("GET", path) | key(level))
                assert answer.status_code == status, (path, level)

    @pytest.mark.parametrize("path", ["/ADMIN/x", "/Admin", "/Exact", "/EXACT/"])
    def test_no_spelling_that_an_api_may_take_for_the_same_is_the_weaker_way(
        self, http: FlaskClient, key: Any, path: str
    ) -> None:
        gateway_routes.save(
            "spelt", gateway_routes.parse("* /admin/** keys:manage\n* /exact keys:manage\n* /** public")
        )
        for level, status in (("read_write", 403), ("full_access", 200)):
            answer = http.get("/gateway/auth/spelt", headers=asked("GET", path) | key(level))
            assert answer.status_code == status, (path, level)
        assert http.get("/gateway/auth/spelt", headers=asked("GET", "/else")).status_code == 200

    @pytest.mark.parametrize(
        ("rules", "method", "path", "needed"),
        [
            ("* /admin/ keys:manage\n* /**", "GET", "/admin", ("keys:manage",)),
            ("* /admin/ keys:manage\n* /{page} public", "GET", "/Admin", ("keys:manage",)),
            ("* /admin/ keys:manage\n* /admin public", "GET", "/admin", ("public",)),  # two lines, on purpose
            ("* /admin public\n* /admin/ keys:manage", "GET", "/admin", ("public",)),
            ("GET /orders workflows:read\n* /orders/** workflows:write", "GET", "/orders", ("workflows:read",)),
            ("* /admin/ keys:manage", "GET", "/admin", None),
            ("GET /admin keys:manage\n* /**", "HEAD", "/admin", ("keys:manage",)),
            ("GET /admin keys:manage", "HEAD", "/admin", ("keys:manage",)),
            ("GET /admin/ keys:manage\n* /**", "HEAD", "/ADMIN", ("keys:manage",)),
            ("GET,POST /admin keys:manage\nHEAD /** public", "HEAD", "/admin", ("keys:manage",)),
            ("GET /admin keys:manage\nHEAD /admin public", "HEAD", "/admin", ("public",)),  # on purpose
            ("HEAD /** public\nGET /admin keys:manage", "HEAD", "/admin", ("public",)),
            ("GET,HEAD /admin keys:manage\nHEAD /admin public", "HEAD", "/admin", ("keys:manage",)),
            ("HEAD /admin public", "GET", "/admin", None),
            *(
                (f"* /admin{end} keys:manage\n* /**", "GET", f"/admin{odd}", ("keys:manage",))
                for end in ("", "/")
                for odd in ("?x", "?", "#x", "/?x", ".", "...", "./", "\uff0f", "\uff1fx")
            ),
            ("* /tags/{tag} workflows:read\n* /**", "GET", "/tags/c#", ("workflows:read",)),
            ("* /tags public\n* /tags/{tag} workflows:read\n* /**", "GET", "/tags/c#", ("workflows:read",)),
            ("* /files/{name}", "GET", "/files/a.b.", ()),
        ],
    )
    def test_what_is_said_of_a_page_holds_for_its_head_and_without_its_slash(
        self, app: object, rules: str, method: str, path: str, needed: tuple[str, ...] | None
    ) -> None:
        gateway_routes.save("pages", gateway_routes.parse(rules))
        assert gateway_routes.get("pages").needed(method, path) == needed


@pytest.mark.usefixtures("open_table")
class TestPages:
    @pytest.mark.parametrize(
        ("method", "path", "headers", "status"),
        [
            ("OPTIONS", "/orders/1", {"Origin": PAGE, "Access_Control_Request_Method": "GET"}, 200),
            ("OPTIONS", "/orders/1/x", {"Origin": PAGE, "Access_Control_Request_Method": "DELETE"}, 200),
            ("OPTIONS", "/orders/1", {"Origin": "http://localhost:3000", "Access_Control_Request_Method": "GET"}, 200),
            ("OPTIONS", "/orders/1", {"Origin": "https://evil.example", "Access_Control_Request_Method": "GET"}, 401),
            ("OPTIONS", "/orders/1", {"Origin": "null", "Access_Control_Request_Method": "GET"}, 401),
            ("OPTIONS", "/orders/1", {"Access_Control_Request_Method": "GET"}, 401),
            ("OPTIONS", "/orders/1", {"Origin": PAGE}, 401),
            ("OPTIONS", "/elsewhere", {"Origin": PAGE, "Access_Control_Request_Method": "GET"}, 401),
            ("OPTIONS", "/orders/1/x", {"Origin": PAGE, "Access_Control_Request_Method": "GET"}, 401),  # no such rule
            ("OPTIONS", "/orders/../1", {"Origin": PAGE, "Access_Control_Request_Method": "GET"}, 401),
            ("DELETE", "/orders/1", {"Origin": PAGE, "Access_Control_Request_Method": "GET"}, 401),
        ],
    )
    def test_a_preflight_passes_where_the_table_lists_its_page(
        self, http: FlaskClient, method: str, path: str, headers: dict[str, str], status: int
    ) -> None:
        sent = asked(method, path, **headers)
        assert http.get("/gateway/auth/open", headers=sent).status_code == status
        page = {name: value for name, value in sent.items() if not name.startswith("X-Original")}
        assert http.open(f"/gateway/envoy/open{path}", method=method, headers=page).status_code == status

    def test_a_second_method_makes_it_none(self, http: FlaskClient) -> None:
        sent = asked("OPTIONS", "/orders/1", Origin=PAGE, Access_Control_Request_Method="GET")
        assert http.get("/gateway/auth/open", headers=sent | {"X-Forwarded-Method": "DELETE"}).status_code == 401
        assert http.delete("/gateway/envoy/open/orders/1", headers=sent).status_code == 401

    def test_a_listed_page_can_read_why_it_was_refused(self, http: FlaskClient, key: Any) -> None:
        for origin, allowed in ((PAGE, PAGE), ("https://evil.example", None)):
            for more, status in (({}, 401), (key("read_only"), 403)):
                answer = http.get("/gateway/auth/open", headers=asked("DELETE", "/orders/1", Origin=origin) | more)
                assert (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) == (status, allowed)
                assert "Origin" in answer.headers.getlist("Vary")
                assert "Access-Control-Allow-Credentials" not in answer.headers
        passed = http.get("/gateway/auth/open", headers=asked("GET", "/orders/1", Origin=PAGE) | key("read_only"))
        assert passed.status_code == 200 and "Access-Control-Allow-Origin" not in passed.headers
        assert "Access-Control-Allow-Origin" not in http.get("/gateway/auth/any", headers={"Origin": PAGE}).headers


@pytest.mark.usefixtures("app")
class TestRules:
    def test_what_is_written_reads_back_the_same(self) -> None:
        text = "cors https://a.example http://localhost:3000\nGET,POST /a/{id} workflows:read analytics:read\n* /b/**"
        text += "\nGET /c public"
        gateway_routes.save("t", gateway_routes.parse(f"# a comment\n{text}  # another\n"))
        assert gateway_routes.written(gateway_routes.get("t")) == text

    @rows(
        ("name", "text"),
        [
            ("any", "* /a"),
            ("methods", "* /a"),
            ("public", "* /a"),
            ("scim", "* /a"),
            ("t", "GET /a public workflows:read"),
            ("t", "cors"),
            ("t", "cors *"),
            ("t", "cors https://a.example/path"),
            ("t", "cors http://a.example"),
            ("t", "cors https://a.example:443"),
            ("workflows:read", "* /a"),
            ("Upper", "* /a"),
            ("t", ""),
            ("t", "GET"),
            ("t", "BREW /a"),
            ("t", "GET a"),
            ("t", "GET /a//b"),
            ("t", "GET /**/b"),
            ("t", "GET /a no:such"),
        ],
    )
    def test_a_table_that_could_surprise_is_refused(self, name: str, text: str) -> None:
        with pytest.raises(Invalid):
            gateway_routes.save(name, gateway_routes.parse(text))

    def test_a_placeholder_is_one_segment(self) -> None:
        rule = gateway_routes.Table("t", (Rule((), "/a/{id}/c", READ), Rule((), "/a/**", WRITE)))
        assert rule.needed("GET", "/a/b/c") == READ
        assert rule.needed("GET", "/a/b/b/c") == WRITE
        assert rule.needed("GET", "/a") == WRITE
        assert rule.needed("GET", "/ab") is None
