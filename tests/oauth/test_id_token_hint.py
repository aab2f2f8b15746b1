"""`id_token_hint`: the person whom the app expects, and nobody else (OpenID Connect Core 3.1.2.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock, jwt
from tests.conftest import PASSWORD, Person
from tests.support import authorizing, forms, protocol
from tests.support.authorizing import answer_consent, answer_of, authorize, followed, sign_in
from tests.support.protocol import App

ISSUER = "http://localhost:8000"


@pytest.fixture
def shop(app: Any) -> App:
    return protocol.register(id="shop", redirect_uris=[authorizing.CALLBACK], scopes=["openid"])


def hint(app: App, person: Person, alg: str = "RS256", **changes: Any) -> str:
    """An ID token as this server made it long ago, or with changes."""
    said = {"iss": ISSUER, "aud": app.id, "azp": app.id, "sub": person.id, "exp": clock.now() - 90 * 86_400} | changes
    return jwt.sign(signing_keys.signer(alg), said, "JWT")


def ask(browser: FlaskClient, **changes: Any) -> Any:
    return followed(browser, authorize(browser, **{"client_id": "shop", "scope": "openid"} | changes))


def test_the_person_who_is_expected_goes_on_with_an_id_token_however_old(
    shop: App, http: FlaskClient, alice: Person
) -> None:
    sign_in(http, alice)
    answer_consent(http, ask(http))
    for alg in ("RS256", "ES256"):
        assert "code" in answer_of(ask(http, id_token_hint=hint(shop, alice, alg), prompt="none"))


def test_a_real_id_token_is_a_hint(shop: App, http: FlaskClient, alice: Person) -> None:
    sign_in(http, alice)
    answer_consent(http, ask(http))
    made = protocol.tokens_for(alice.id, shop, scopes=["openid"])["id_token"]
    assert "code" in answer_of(ask(http, id_token_hint=made, prompt="none"))


def test_where_another_person_is_signed_in_silence_is_refused(
    shop: App, http: FlaskClient, alice: Person, bob: Person
) -> None:
    """Section 3.1.2.1: an error such as login_required."""
    sign_in(http, bob)
    answer_consent(http, ask(http))
    assert answer_of(ask(http, id_token_hint=hint(shop, alice), prompt="none"))["error"] == "login_required"


def test_another_person_is_led_to_the_sign_in_page_and_never_answered_for(
    shop: App, http: FlaskClient, alice: Person, bob: Person
) -> None:
    sign_in(http, bob)
    page = ask(http, id_token_hint=hint(shop, alice))
    assert page.request.path == "/login" and "switch=1" in page.request.query_string.decode()
    link = urlsplit(page.request.url)
    answer = forms.sign_in(http, bob.email, PASSWORD, f"{link.path}?{link.query}")
    assert "error=login_required" in followed(http, answer).text


def test_the_person_who_is_expected_can_take_over(shop: App, http: FlaskClient, alice: Person, bob: Person) -> None:
    sign_in(http, bob)
    link = urlsplit(ask(http, id_token_hint=hint(shop, alice)).request.url)
    answer = followed(http, forms.sign_in(http, alice.email, PASSWORD, f"{link.path}?{link.query}"))
    assert answer.request.path == "/oauth/authorize/consent" and alice.email in answer.text


def test_nobody_signed_in_signs_in_first(shop: App, http: FlaskClient, alice: Person) -> None:
    assert ask(http, id_token_hint=hint(shop, alice)).request.path == "/login"


def flipped(token: str, part: int) -> str:
    """One bit of a segment turned."""
    parts = token.split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    return ".".join(parts)


HOSTILE: dict[str, Any] = {
    "no JWT": lambda shop, alice: "x",
    "nothing signed": lambda shop, alice: "eyJhbGciOiJub25lIn0.e30.",
    "16 kB": lambda shop, alice: hint(shop, alice, x="y" * 16_384),
    "a bit of the header": lambda shop, alice: flipped(hint(shop, alice), 0),
    "a bit of the claims": lambda shop, alice: flipped(hint(shop, alice), 1),
    "a bit of the signature": lambda shop, alice: flipped(hint(shop, alice), 2),
    "another app's": lambda shop, alice: hint(shop, alice, aud="other"),
    "several audiences": lambda shop, alice: hint(shop, alice, aud=["shop", "other"]),
    "another issuer's": lambda shop, alice: hint(shop, alice, iss="https://evil.example"),
    "no sub": lambda shop, alice: hint(shop, alice, sub=None),
    "a number for a sub": lambda shop, alice: hint(shop, alice, sub=7),
    "an access token": lambda shop, alice: protocol.tokens_for(alice.id, shop, scopes=["openid"])["access_token"],
    "a plain access token": lambda shop, alice: hint(shop, alice, client_id="shop"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_id_token_of_this_app_is_an_error(shop: App, http: FlaskClient, alice: Person, name: str) -> None:
    """security.md 9.1.1: the signature first, then everything else."""
    sign_in(http, alice)
    answer_consent(http, ask(http))
    answer = answer_of(ask(http, id_token_hint=HOSTILE[name](shop, alice), prompt="none"))
    assert answer["error"] == "invalid_request" and "code" not in answer
