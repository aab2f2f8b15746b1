"""/playground: there when it is switched on, and what it answers its own script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients, registration_tokens
from authserver.domain.clients.metadata import Registration
from tests.conftest import Person
from tests.support import authorizing

Browser = Callable[[], FlaskClient]


def signed_in(browser: Browser, person: Person) -> FlaskClient:
    http = browser()
    authorizing.sign_in(http, person)
    return http


def token(http: FlaskClient, name: str) -> str:
    """The form token that the page gives its script."""
    found = re.search(rf'data-{name}="([^"]+)"', http.get("/playground").get_data(as_text=True))
    assert found
    return found[1]


SCRIPT = re.compile(r"js/playground\.([0-9a-zA-Z_-]+\.)?js")


class TestSwitchedOn:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"playground": "on"}

    def test_it_loads_its_own_script_alone_here(self, browser: Browser, alice: Person) -> None:
        http = signed_in(browser, alice)
        assert SCRIPT.search(http.get("/playground").get_data(as_text=True))
        assert not SCRIPT.search(http.get("/usage").get_data(as_text=True))

    def test_the_first_page_and_the_navigation_lead_there(self, browser: Browser, alice: Person) -> None:
        page = signed_in(browser, alice).get("/").get_data(as_text=True)
        assert page.count('href="/playground"') == 3  # beside the figures, and twice in the navigation
        assert "Open playground" in page

    def test_an_answer_in_the_query_is_handed_over_by_a_page_of_its_own(self, browser: Browser, alice: Person) -> None:
        http = signed_in(browser, alice)
        for query in ("code=x&state=y&iss=z", "error=access_denied&state=y"):
            page = http.get(f"/playground?{query}").get_data(as_text=True)
            assert "js/playground_callback." in page and not SCRIPT.search(page)

    def test_a_code_is_kept_out_of_the_way_to_the_sign_in(self, http: FlaskClient) -> None:
        where = http.get("/playground?code=kaie_ac_secret&state=y").headers["Location"]
        assert where.startswith("/login?") and "kaie_ac" not in where

    def test_an_app_is_made_and_told_once(self, browser: Browser, alice: Person) -> None:
        http = signed_in(browser, alice)
        answer = http.post("/playground/apps", data={"csrf_token": token(http, "make-client")})
        made = answer.get_json()
        assert clients.get(made["client_id"]).owner_id == alice.id and made["client_secret"].startswith("kaie_cs_")
        assert "no-store" in answer.headers["Cache-Control"] and "sandbox" in answer.headers["Content-Security-Policy"]

    def test_a_key_is_made_and_told_once(self, browser: Browser, alice: Person) -> None:
        http = signed_in(browser, alice)
        made = http.post("/playground/keys", data={"csrf_token": token(http, "make-key")}).get_json()
        facts = api_keys.check(made["key"], "127.0.0.1")
        assert facts is not None and facts.owner_id == alice.id

    @pytest.mark.parametrize("path", ["/playground/apps", "/playground/keys", "/playground/apps/x/redirect-uri"])
    def test_nothing_is_made_without_the_token_of_its_form(self, browser: Browser, alice: Person, path: str) -> None:
        http = signed_in(browser, alice)
        assert http.post(path).status_code == 400
        right = token(http, "make-client")
        wrong = right[:-1] + ("1" if right.endswith("0") else "0")
        assert http.post(path, data={"csrf_token": wrong}).status_code == 400
        assert not api_keys.page(alice.id)[1] and not clients.owned_by(alice.user)[1]

    def test_a_broken_key_set_is_refused(self, browser: Browser, alice: Person) -> None:
        http = signed_in(browser, alice)
        fields = {"csrf_token": token(http, "make-client"), "jwks": "{"}
        assert http.post("/playground/apps", data=fields).status_code == 422

    def test_a_look_up_tells_owners_what_is_missing(self, browser: Browser, alice: Person, mallory: Person) -> None:
        wanted = Registration(name="Notes", kind="spa", redirect_uris=("https://notes.example.com/callback",))
        row, _ = clients.register(alice.user, wanted)
        http = signed_in(browser, alice)
        found = http.get(f"/playground/apps/{row.id}").get_json()
        assert (found["comes_back"], found["mine"], found["public"]) == (False, True, True)
        fields = {"csrf_token": token(http, "come-back")}
        assert (
            "http://localhost:8000/playground"
            in http.post(f"/playground/apps/{row.id}/redirect-uri", data=fields).get_json()["redirect_uris"]
        )
        assert signed_in(browser, mallory).get(f"/playground/apps/{row.id}").status_code == 404


@pytest.mark.parametrize("path", ["/playground", "/playground?code=x&state=y", "/playground/apps/x"])
def test_without_the_setting_there_is_no_playground(browser: Browser, alice: Person, path: str) -> None:
    http = signed_in(browser, alice)
    assert http.get(path).status_code == 404
    assert "/playground" not in http.get("/").get_data(as_text=True)


class TestRegistrationTokens:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"playground": "on", "registration": "token"}

    def test_administrators_make_one_for_a_few_tries(self, browser: Browser, ada: Person) -> None:
        http = signed_in(browser, ada)
        made = http.post("/playground/registration-tokens", data={"csrf_token": token(http, "make-registration")})
        (row,) = registration_tokens.all()
        assert made.get_json()["token"].startswith("kaie_iat_") and row.uses == 3
        assert row.expires_at - row.created_at == 3600

    def test_nobody_else_does(self, browser: Browser, alice: Person) -> None:
        http = signed_in(browser, alice)
        fields = {"csrf_token": token(http, "make-registration")}
        assert http.post("/playground/registration-tokens", data=fields).status_code == 403
        assert not registration_tokens.all()


class TestSwitchedOff:
    @pytest.fixture
    def overrides(self) -> dict[str, Any]:
        return {"playground": "on", "registration": "off", "device": "off"}

    def test_a_flow_is_there_where_its_feature_is(self, browser: Browser, alice: Person) -> None:
        page = signed_in(browser, alice).get("/playground").get_data(as_text=True)
        assert 'data-flow="mcp"' in page and 'data-flow="logout"' in page
        assert 'data-flow="device"' not in page and 'data-flow="registration"' not in page
        assert "/demo/logout-receiver" not in page  # the demo's alone
