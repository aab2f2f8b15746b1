"""How surely a person has to prove who they are: `acr_values`, the claim `acr`, step-up (RFC 9470)."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from authserver import database
from authserver.lib import acr, clock
from authserver.models import SignInSession
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import VERIFIER, answer_consent, answer_of, authorize, followed, sign_in
from tests.support.protocol import App

TWO_KINDS = mock.patch.object(acr, "REACHABLE", ("aal1", "aal2"))


@pytest.fixture
def bank(app: Any) -> App:
    return protocol.register(id="bank", redirect_uris=[authorizing.CALLBACK], scopes=["openid"])


def ask(browser: FlaskClient, **changes: Any) -> Any:
    return followed(browser, authorize(browser, **{"client_id": "bank", "scope": "openid"} | changes))


def essential(*values: str, needed: bool = True) -> str:
    return json.dumps({"id_token": {"acr": {"essential": needed, "values": values}}})


def signed_in_with(browser: FlaskClient, person: Person, *amr: str) -> None:
    session_id = sign_in(browser, person)
    with database.transaction() as session:
        row = session.get_one(SignInSession, session_id)
        row.amr, row.auth_time = list(amr), clock.now() - 60


def tokens(app: App, browser: FlaskClient, **changes: Any) -> dict[str, Any]:
    page = ask(browser, **changes)
    answer = page if page.status_code == 303 else answer_consent(browser, page)
    fields = {"redirect_uri": authorizing.CALLBACK, "code_verifier": VERIFIER}
    return dict(protocol.exchange(app, answer_of(answer)["code"], **fields).json)


@pytest.mark.parametrize(("amr", "reached"), [(["pwd"], "aal1"), (["pwd", "otp"], "aal2"), (["hwk", "user"], "phr")])
def test_every_token_says_how_the_person_signed_in(
    bank: App, http: FlaskClient, alice: Person, amr: list[str], reached: str
) -> None:
    """OIDC Core 2 and RFC 9068 section 2.2.1; introspection repeats it (RFC 9470 section 6.2)."""
    signed_in_with(http, alice, *amr)
    made = tokens(bank, http)
    for said in (protocol.claims(made["id_token"]), protocol.claims(made["access_token"])):
        assert (said["acr"], said["amr"]) == (reached, amr)
    seen = protocol.introspect(bank, made["access_token"]).json
    assert (seen["acr"], seen["amr"]) == (reached, amr)


@pytest.mark.parametrize(
    "asked",
    [{"acr_values": "aal1"}, {"acr_values": "phr aal1"}, {"claims": essential("aal1")}, {"acr_values": "phr"},
     {"acr_values": "urn:mace:incommon:iap:silver"}, {"claims": essential("phr", needed=False)},
     {"acr_values": "phr", "claims": essential("aal1")}, {"acr_values": "1 2"}],
)  # fmt: skip
def test_a_wish_leads_to_what_was_reached(bank: App, http: FlaskClient, alice: Person, asked: dict[str, str]) -> None:
    """OIDC Core 5.5.1.1 and contract 11.55: voluntary is what can be had."""
    signed_in_with(http, alice, "pwd")
    assert protocol.claims(tokens(bank, http, **asked)["id_token"])["acr"] == "aal1"


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("prompt", [None, "none", "login"])
def test_what_is_essential_and_not_to_be_had_is_an_error(
    bank: App, http: FlaskClient, alice: Person, signed_in: bool, prompt: str | None
) -> None:
    """Contract 11.55; OpenID Connect Core Error Code unmet_authentication_requirements 1.0."""
    if signed_in:
        sign_in(http, alice)
    answer = answer_of(ask(http, claims=essential("phr", "aal2"), prompt=prompt))
    assert (answer["error"], answer["state"]) == ("unmet_authentication_requirements", "s-1")


@pytest.mark.parametrize("asked", [{"acr_values": "aal2"}, {"claims": essential("aal2")}])
def test_a_class_that_can_be_reached_leads_to_a_fresh_sign_in(
    bank: App, http: FlaskClient, alice: Person, asked: dict[str, str]
) -> None:
    """Step-up (RFC 9470 section 5): once, and then with what was reached, or the error where that is not enough."""
    signed_in_with(http, alice, "pwd")
    with TWO_KINDS:
        assert answer_of(ask(http, **asked, prompt="none"))["error"] == "consent_required", "it was allowed nothing yet"
        page = ask(http, **asked)
        assert (page.request.path, "reauth=1" in page.request.query_string.decode()) == ("/login", True)
        handle = urlsplit(page.request.url).query
        sign_in(http, alice)
        answer = followed(http, http.get("/oauth/authorize/continue?" + handle.replace("&reauth=1", "")))
    if "claims" in asked:
        assert "error=unmet_authentication_requirements" in answer.text  # on a page that moves on (contract 11.22)
    else:
        assert answer.request.path == "/oauth/authorize/consent"


def test_a_sign_in_that_is_strong_enough_is_not_asked_for_again(bank: App, http: FlaskClient, alice: Person) -> None:
    signed_in_with(http, alice, "pwd", "otp")
    with TWO_KINDS:
        assert protocol.claims(tokens(bank, http, claims=essential("aal2"))["id_token"])["acr"] == "aal2"


@pytest.mark.parametrize("text", ["a" * 1_001, " ".join(f"a{number}" for number in range(21)), "a\x07b", "a\u202eb"])
def test_what_is_no_list_of_names_is_refused(bank: App, http: FlaskClient, text: str) -> None:
    assert answer_of(authorize(http, client_id="bank", scope="openid", acr_values=text))["error"] == "invalid_request"


def test_what_the_app_registered_counts_where_the_request_does_not_say(
    bank: App, http: FlaskClient, alice: Person
) -> None:
    """OpenID Connect Registration 1.0, section 2: default_max_age and default_acr_values."""
    protocol.change(bank, default_max_age=30, default_acr_values=["aal2"])
    signed_in_with(http, alice, "pwd", "otp")  # a minute ago
    answer_consent(http, ask(http, max_age="3600"))
    assert answer_of(ask(http, prompt="none"))["error"] == "login_required"
    assert "code" in answer_of(ask(http, prompt="none", max_age="3600"))
    signed_in_with(http, alice, "pwd")
    with TWO_KINDS:
        assert answer_of(ask(http, prompt="none", max_age="3600"))["error"] == "login_required"
        assert "code" in answer_of(ask(http, prompt="none", max_age="3600", acr_values="aal1"))
