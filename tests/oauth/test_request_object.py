"""Request objects by value and by registered reference (OpenID Connect Core 6, RFC 9101; contract 11.54)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import database
from authserver.domain import outbound
from authserver.domain.clients import request_objects
from authserver.lib import clock
from authserver.models import AuthorizationCode, AuthorizationRequest, UsedJti
from tests.conftest import Person
from tests.support import own_jwts, protocol
from tests.support.authorizing import CALLBACK, answer_consent, answer_of, asking, authorize, followed, sign_in
from tests.support.own_jwts import pair
from tests.support.protocol import App
from tests.support.races import in_parallel

ISSUER = "http://localhost:8000"
ALGS = ["RS256", "PS256", "ES256", "EdDSA"]
PUBLISHED = "https://shop.example.com/request.jwt"


@pytest.fixture
def shop(app: Flask) -> App:
    return registered()


def registered(**columns: Any) -> App:
    keys = own_jwts.key_set(*(pair(alg) for alg in ALGS))
    made = {"id": "shop", "redirect_uris": [CALLBACK], "scopes": ["openid", "email", "profile"], "jwks": keys}
    return protocol.register(**made | columns)


@pytest.fixture
def hers(http: FlaskClient, alice: Person) -> FlaskClient:
    sign_in(http, alice)
    return http


def signed(said: dict[str, Any], alg: str = "ES256", **header: Any) -> str:
    return own_jwts.signed(pair(alg), said, **header)


def unsigned(said: dict[str, Any], **header: Any) -> str:
    parts = ({"alg": "none"} | header, said)
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts) + "."


def ask(browser: FlaskClient, request: str, **changes: Any) -> Any:
    return authorize(browser, **{"client_id": "shop", "scope": "openid", "request": request} | changes)


def stored() -> AuthorizationRequest:
    with database.reading() as session:
        return session.query(AuthorizationRequest).one()


def everything(**changes: Any) -> dict[str, Any]:
    """A whole request in an object, as RFC 9101 has it."""
    return asking(client_id="shop", scope="openid email", state="inside", nonce="n-1") | {
        "iss": "shop", "aud": ISSUER, "exp": clock.now() + 60, "max_age": 600,
        "claims": {"id_token": {"email": {"essential": True}}},
    } | changes  # fmt: skip


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("typ", [None, "JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"])
def test_every_algorithm_and_type_carries_a_whole_request(shop: App, http: FlaskClient, alg: str, typ: str) -> None:
    """RFC 9101 section 5: with `client_id` alone beside it; section 10.8 has the type."""
    outside = dict.fromkeys(("response_type", "redirect_uri", "scope", "state", "code_challenge"))
    ask(http, signed(everything(), alg, typ=typ), code_challenge_method=None, **outside)
    row = stored()
    assert (row.redirect_uri, row.state, row.nonce, row.max_age) == (CALLBACK, "inside", "n-1", 600)
    assert (row.scopes, row.claims) == (["openid", "email"], {"id_token": ["email"]})


def test_what_the_object_says_wins_and_what_it_leaves_out_is_taken_from_beside_it(shop: App, http: FlaskClient) -> None:
    """OIDC Core 6.1: the parameters of the object supersede, and both are assembled."""
    ask(http, signed({"state": "inside", "prompt": "login"}), state="outside", prompt="consent", nonce="beside")
    assert (stored().state, stored().prompt, stored().nonce) == ("inside", ["login"], "beside")


def test_the_answer_goes_where_the_object_says_in_the_way_it_says(shop: App, http: FlaskClient) -> None:
    protocol.change(shop, redirect_uris=[CALLBACK, CALLBACK + "/two"])
    said = {"redirect_uri": CALLBACK + "/two", "response_mode": "form_post", "prompt": "none", "state": "inside"}
    answer = ask(http, signed(said))
    assert answer.status_code == 200 and f'action="{CALLBACK}/two"' in answer.text
    assert "login_required" in answer.text and 'value="inside"' in answer.text


@pytest.mark.parametrize("uri", ["https://evil.example/cb", CALLBACK + "/", 7, ["x"], {"a": 1}])
def test_a_redirect_uri_of_an_object_is_judged_like_any_other(shop: App, http: FlaskClient, uri: Any) -> None:
    """Class C1: a signature makes no address trusted."""
    answer = ask(http, signed({"redirect_uri": uri}))
    assert answer.status_code == 400 and "Location" not in answer.headers


@pytest.mark.parametrize(
    ("said", "beside"),
    [
        ({"client_id": "other"}, {}), ({"response_type": "token"}, {}), ({"response_type": "code id_token"}, {}),
        ({"client_id": 1}, {}), ({"response_type": None, "client_id": ["shop"]}, {}),
    ],
)  # fmt: skip
def test_client_id_and_response_type_have_to_be_the_same(
    shop: App, http: FlaskClient, said: dict[str, Any], beside: dict[str, Any]
) -> None:
    """OIDC Core 6.1, trap T16."""
    assert answer_of(ask(http, signed(said), **beside))["error"] == "invalid_request_object"


@pytest.mark.parametrize("client_id", [None, "other"])
def test_the_app_is_named_beside_its_object(shop: App, http: FlaskClient, client_id: str | None) -> None:
    """RFC 9101 sections 5 and 6.3: `client_id` MUST be a parameter, and the same as in the object."""
    answer = ask(http, signed(everything()), client_id=client_id)
    assert answer.status_code == 400 and "Location" not in answer.headers


@pytest.mark.parametrize("form", ["request", "request_uri"])
def test_an_object_and_a_reference_never_come_together(shop: App, http: FlaskClient, form: str) -> None:
    """RFC 9101 section 5: `request` and `request_uri` MUST NOT both be used, nor one of them twice."""
    twice = {form: ["x", "x"]}
    for sent in (twice, {"request": signed(everything()), "request_uri": PUBLISHED}):
        assert answer_of(authorize(http, client_id="shop", scope="openid", **sent))["error"] == "invalid_request"


def test_an_implicit_flow_inside_an_object_stays_refused(shop: App, http: FlaskClient) -> None:
    answer = answer_of(ask(http, signed({"response_type": "token"}), response_type=None))
    assert answer["error"] == "unsupported_response_type"


def flipped(token: str, part: int) -> str:
    parts = token.split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    return ".".join(parts)


HOSTILE: dict[str, Any] = {
    "no JWT": lambda: "x",
    "five parts": lambda: "a.b.c.d.e",
    "a bit of the header": lambda: flipped(signed(everything()), 0),
    "a bit of the claims": lambda: flipped(signed(everything()), 1),
    "a bit of the signature": lambda: flipped(signed(everything()), 2),
    "another key under the same kid": lambda: own_jwts.signed(pair("ES256", 1), everything(), kid="ES256-0"),
    "a kid that nobody has": lambda: signed(everything(), kid="elsewhere"),
    "a key in the header": lambda: signed(everything(), jwk=own_jwts.public(pair("ES256", 1))),
    "16 kB": lambda: signed(everything(x="y" * 16_384)),
    "an access token's type": lambda: signed(everything(), typ="at+jwt"),
    "an end that is over": lambda: signed(everything(exp=clock.now() - 120)),
    "an end that is no time": lambda: signed(everything(exp="soon")),
    "a beginning to come": lambda: signed(everything(nbf=clock.now() + 600)),
    "an iat to come": lambda: signed(everything(iat=clock.now() + 600)),
    "another issuer": lambda: signed(everything(iss="other")),
    "another audience": lambda: signed(everything(aud="https://other.example")),
    "audiences without ours": lambda: signed(everything(aud=["https://other.example", ISSUER + "/v1"])),
    "a client assertion": lambda: signed(everything(sub="shop")),
    "a request object inside": lambda: signed(everything(request=signed(everything()))),
    "a reference inside": lambda: signed(everything(request_uri=PUBLISHED)),
    "a jti that is a number": lambda: signed(everything(jti=1)),
    "a jti without end": lambda: signed(everything(jti="x" * 256)),
    "a jti and no end": lambda: signed({"jti": "x"}),
    "a member twice": lambda: "eyJhbGciOiJFUzI1NiJ9.eyJhIjoxLCJhIjoyfQ.AAAA",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_a_good_object_is_refused_whatever_stands_beside_it(
    shop: App, hers: FlaskClient, name: str
) -> None:
    answer = answer_of(ask(hers, HOSTILE[name]()))
    assert (answer["error"], answer["iss"]) == ("invalid_request_object", ISSUER)
    with database.reading() as session:
        assert session.query(AuthorizationRequest).count() == 0


def test_without_keys_nothing_can_be_signed(app: Flask, http: FlaskClient) -> None:
    registered(jwks=None)
    assert answer_of(ask(http, signed(everything())))["error"] == "invalid_request_object"


@pytest.mark.parametrize(("chosen", "sent", "good"), [("PS256", "PS256", True), ("PS256", "RS256", False),
                                                      ("ES256", "EdDSA", False)])  # fmt: skip
def test_the_registered_algorithm_is_the_only_one(
    app: Flask, http: FlaskClient, chosen: str, sent: str, good: bool
) -> None:
    """OIDC Registration 2: request_object_signing_alg."""
    registered(request_object_alg=chosen)
    answer = ask(http, signed(everything(), sent))
    assert answer.location.startswith("/login") if good else answer_of(answer)["error"] == "invalid_request_object"


@pytest.mark.parametrize("chosen", [None, "RS256"])
def test_an_unsigned_object_is_for_apps_that_registered_so(app: Flask, http: FlaskClient, chosen: str | None) -> None:
    """Contract 11.54; the error goes the way that the link asked for, in the parameters or in the object."""
    registered(request_object_alg=chosen)
    assert answer_of(ask(http, unsigned(everything())))["error"] == "request_not_supported"
    answer = ask(http, unsigned(everything(response_mode="form_post")), state=None)
    assert answer.status_code == 200 and "request_not_supported" in answer.text and 'value="inside"' in answer.text


def test_an_app_that_registered_so_sends_unsigned_objects(app: Flask, http: FlaskClient) -> None:
    registered(request_object_alg="none", jwks=None)
    ask(http, unsigned(everything()), state=None)
    assert (stored().state, stored().nonce) == ("inside", "n-1")


@pytest.mark.parametrize("header", [{"alg": "None"}, {"alg": "NONE"}, {"alg": "HS256"}, {"crit": ["x"]}])
def test_no_other_spelling_of_unsigned_is_one(app: Flask, http: FlaskClient, header: dict[str, Any]) -> None:
    registered(request_object_alg="none")
    assert answer_of(ask(http, unsigned(everything(), **header)))["error"] == "invalid_request_object"


def test_an_unsigned_object_has_no_signature(app: Flask, http: FlaskClient) -> None:
    registered(request_object_alg="none")
    assert answer_of(ask(http, unsigned(everything()) + "AAAA"))["error"] == "invalid_request_object"


# By reference


class Place:
    """What is published, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: outbound.Answer | Exception = outbound.Answer(200, (), b"", 1)

    def fetch(self, url: str, *_: Any, **__: Any) -> outbound.Answer:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def publish(self, text: str, status: int = 200, *, cut: bool = False) -> None:
        self.answer = outbound.Answer(status, (), text.encode(), 1, cut)


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    with mock.patch.object(outbound, "fetch", made.fetch):
        yield made


def refer(browser: FlaskClient, uri: str = PUBLISHED, **changes: Any) -> Any:
    return authorize(browser, **{"client_id": "shop", "scope": "openid", "request_uri": uri} | changes)


def test_a_registered_address_is_read_and_then_not_asked_again_for_a_minute(
    app: Flask, http: FlaskClient, place: Place
) -> None:
    """OIDC Core 6.2."""
    registered(request_uris=[PUBLISHED])
    place.publish(f" {signed(everything())}\n")
    assert refer(http).location.startswith("/login")
    assert stored().nonce == "n-1"
    refer(http)
    assert place.asked == [PUBLISHED]
    later = clock.now() + request_objects.FRESH_SECONDS
    with mock.patch.object(clock, "now", lambda: later):
        refer(http)
    assert len(place.asked) == 2


@pytest.mark.parametrize(
    "uri",
    [PUBLISHED + "x", PUBLISHED + "#x", PUBLISHED.replace("https", "http"), "https://127.0.0.1/", "file:///etc/passwd",
     "urn:ietf:params:oauth:request_uri:x", "x" * 3_000],
)  # fmt: skip
def test_an_address_that_is_not_registered_is_never_asked(
    app: Flask, http: FlaskClient, place: Place, uri: str
) -> None:
    """Class C23: the guard is not even needed."""
    registered(request_uris=[PUBLISHED])
    assert answer_of(refer(http, uri))["error"] == "invalid_request_uri"
    assert not place.asked


def test_another_fragment_is_another_version_of_the_same_address(app: Flask, http: FlaskClient, place: Place) -> None:
    """OIDC Core 6.2: it says that what was kept of the old one is no longer valid; it is never sent."""
    first, second = f"{PUBLISHED}#v1", f"{PUBLISHED}#v2"
    registered(request_uris=[first, second])
    place.publish(signed(everything()))
    for uri in (first, second, first):
        assert refer(http, uri).location.startswith("/login")
    assert place.asked == [PUBLISHED, PUBLISHED]


def test_an_address_that_shows_nothing_usable_is_an_error_and_not_asked_at_once_again(
    app: Flask, http: FlaskClient, place: Place
) -> None:
    registered(request_uris=[PUBLISHED])
    for answer in (outbound.Blocked("10.0.0.1 is private."), outbound.Failed("No answer.")):
        request_objects._read.forget()
        place.answer = answer
        assert [answer_of(refer(http))["error"] for _ in range(2)] == ["invalid_request_uri"] * 2
    for text, status, cut in (("gone", 404, False), ("x", 200, True), ("\u2603", 200, False)):
        request_objects._read.forget()
        place.publish(text, status, cut=cut)
        assert answer_of(refer(http))["error"] == "invalid_request_uri"
    assert len(place.asked) == 5


def test_what_is_published_is_judged_like_what_is_sent(app: Flask, http: FlaskClient, place: Place) -> None:
    registered(request_uris=[PUBLISHED])
    place.publish(unsigned(everything()))
    assert answer_of(refer(http))["error"] == "request_not_supported"


# A jti is used up by the answer, not by looking


def with_jti() -> str:
    return signed(everything(jti="once", scope="openid"))


def test_an_object_with_a_jti_gives_one_code(shop: App, hers: FlaskClient) -> None:
    pages = [followed(hers, ask(hers, with_jti())) for _ in range(2)]
    assert "code" in answer_of(answer_consent(hers, pages[0]))
    assert answer_of(answer_consent(hers, pages[1]))["error"] == "invalid_request_object"
    with database.reading() as session:
        assert session.query(AuthorizationCode).count() == session.query(UsedJti).count() == 1


def test_looking_twice_or_refusing_uses_nothing_up(shop: App, hers: FlaskClient) -> None:
    followed(hers, ask(hers, with_jti()))
    assert answer_of(answer_consent(hers, followed(hers, ask(hers, with_jti())), "deny"))["error"] == "access_denied"
    assert "code" in answer_of(answer_consent(hers, followed(hers, ask(hers, with_jti()))))


def test_of_many_answers_at_once_one_gets_a_code(shop: App, app: Flask, hers: FlaskClient) -> None:
    """security.md I3, on both databases."""
    pages = [followed(hers, ask(hers, with_jti())) for _ in range(6)]
    cookies = {name: hers.get_cookie(name) for name in ("authserver_session", "authserver_browser")}

    def answer() -> str:
        browser = app.test_client()
        for name, cookie in cookies.items():
            assert cookie is not None
            browser.set_cookie(name, cookie.value)
        return answer_of(answer_consent(browser, pages.pop())).get("error", "code")

    assert sorted(in_parallel(6, answer)) == ["code", *["invalid_request_object"] * 5]
