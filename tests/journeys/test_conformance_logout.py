"""What the OpenID conformance plans of logout and of third-party initiated login play: one test a module.

RP-Initiated, Front-Channel and Back-Channel Logout, Session Management (whose frame a browser runs in
`tests/browser/test_session_frame.py`), and OpenID Connect Core 1.0, section 4.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from authserver.domain.tokens import backchannel_logout
from authserver.lib import clock
from tests.support import forms, protocol, registering
from tests.support.conformance import CALLBACK, ISSUER, Suite, dynamic, header, suite
from tests.support.receivers import Receiver, listening
from tests.support.standing import HTTPS, Standing, standing
from tests.support.tables import rows

__all__ = ["suite"]  # a fixture
BYE = "https://suite.example.test/post_logout_redirect"
OUT = "https://suite.example.test/frontchannel_logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open", "outbound_allow": ("127.0.0.0/8",)}


@pytest.fixture
def hint(suite: Suite) -> str:
    """The ID token of a sign-in at an app that registered where people go afterwards."""
    protocol.change(suite.app, post_logout_redirect_uris=[BYE])
    return str(suite.tokens()["id_token"])


def leave(suite: Suite, **sent: Any) -> Any:
    """Send the person to the end session endpoint."""
    return suite.browser.get("/oauth/logout?" + urlencode(sent))


def is_signed_out(suite: Suite) -> bool:
    """The last step of most modules: `prompt=none` is refused."""
    return suite.answer(prompt="none").get("error") == "login_required"


def changed(token: str) -> str:
    """An ID token of which one character of the signature is another."""
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]


# RP-Initiated Logout


@rows("member", ["end_session_endpoint", "issuer", "jwks_uri"])
def test_discovery_names_where_people_sign_out(suite: Suite, member: str) -> None:
    """RP-Initiated Logout 1.0, section 2.1."""
    said = suite.browser.get("/.well-known/openid-configuration").json
    assert said[member].startswith(ISSUER)


def test_rp_initiated_logout(suite: Suite, hint: str) -> None:
    """Sections 2 and 3: signed out, and back with the state and nothing else."""
    answer = leave(suite, id_token_hint=hint, post_logout_redirect_uri=BYE, state="s")
    assert (answer.status_code, answer.location) == (303, BYE + "?state=s")
    assert is_signed_out(suite)


def test_rp_initiated_logout_of_a_client_that_registered_itself(suite: Suite) -> None:
    """Section 3.1: `post_logout_redirect_uris` is a member of a registration."""
    assert dynamic(suite, post_logout_redirect_uris=[BYE])["post_logout_redirect_uris"] == [BYE]
    answer = leave(suite, id_token_hint=suite.tokens()["id_token"], post_logout_redirect_uri=BYE, state="s")
    assert (answer.status_code, answer.location) == (303, BYE + "?state=s")
    assert is_signed_out(suite)


def test_rp_initiated_logout_without_a_state(suite: Suite, hint: str) -> None:
    """Section 2: none is sent back that was not sent."""
    assert leave(suite, id_token_hint=hint, post_logout_redirect_uri=BYE).location == BYE
    assert is_signed_out(suite)


@rows("uri", ["https://other.example.test/", BYE + "?foo=bar", BYE + "/", CALLBACK])
def test_rp_initiated_logout_to_an_address_that_is_not_registered(suite: Suite, hint: str, uri: str) -> None:
    """Section 3: MUST NOT be followed; modules bad-post-logout-redirect-uri and query-added."""
    answer = leave(suite, id_token_hint=hint, post_logout_redirect_uri=uri, state="s")
    assert answer.status_code == 400 and not answer.location and "Refresh" not in answer.headers


@rows("wrong", [changed, lambda token: "x", lambda token: token.rpartition(".")[0] + "."])
def test_rp_initiated_logout_with_a_hint_that_is_none(suite: Suite, hint: str, wrong: Any) -> None:
    """Section 2: modules modified-id-token-hint and bad-id-token-hint."""
    answer = leave(suite, id_token_hint=wrong(hint), post_logout_redirect_uri=BYE, state="s")
    assert answer.status_code == 400 and not answer.location and "Refresh" not in answer.headers
    assert not is_signed_out(suite)


def test_rp_initiated_logout_without_a_hint(suite: Suite, hint: str) -> None:
    """Sections 2 and 3: no way back where nobody proved whose it is."""
    answer = leave(suite, post_logout_redirect_uri=BYE, state="s")
    assert answer.status_code == 400 and not answer.location and "Refresh" not in answer.headers


@pytest.mark.parametrize("sent", [{}, {"state": "s"}], ids=["no-params", "only-state"])
def test_rp_initiated_logout_with_nothing_to_go_by(suite: Suite, hint: str, sent: dict[str, str]) -> None:
    """Section 2: the person is asked, and then told that they are signed out; modules no-params and only-state."""
    page = leave(suite, **sent)
    assert page.status_code == 200 and "Sign out of" in page.text
    assert forms.post(suite.browser, forms.form_on(page.text, "/oauth/logout/confirm")).location == "/login"
    assert "You are signed out." in suite.browser.get("/login").text
    assert is_signed_out(suite)


def test_rp_initiated_logout_without_an_address(suite: Suite, hint: str) -> None:
    """Section 2: signed out, on a page that says so."""
    assert leave(suite, id_token_hint=hint, state="s").location == "/login"
    assert "You are signed out." in suite.browser.get("/login").text
    assert is_signed_out(suite)


# Front-Channel Logout


def test_discovery_names_the_front_channel(suite: Suite) -> None:
    """Front-Channel Logout 1.0, section 3."""
    said = suite.browser.get("/.well-known/openid-configuration").json
    assert said["frontchannel_logout_supported"] is said["frontchannel_logout_session_supported"] is True


def test_frontchannel_rp_initiated_logout(suite: Suite) -> None:
    """Section 3: the address is loaded with `iss` and the `sid` of the ID token, and the person goes back."""
    asked = {"frontchannel_logout_uri": OUT, "frontchannel_logout_session_required": True}
    said = dynamic(suite, post_logout_redirect_uris=[BYE], **asked)
    assert asked.items() <= said.items()
    token = suite.tokens()["id_token"]
    page = leave(suite, id_token_hint=token, post_logout_redirect_uri=BYE, state="s")
    (frame,) = (html.unescape(each) for each in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text))
    assert frame.partition("?")[0] == OUT
    assert parse_qs(urlsplit(frame).query) == {"iss": [ISSUER], "sid": [protocol.claims(token)["sid"]]}
    assert page.headers["Refresh"].endswith(f"; url={BYE}?state=s")
    assert is_signed_out(suite)


# Back-Channel Logout


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def test_discovery_names_the_back_channel(suite: Suite) -> None:
    """Back-Channel Logout 1.0, section 2.1."""
    said = suite.browser.get("/.well-known/openid-configuration").json
    assert said["backchannel_logout_supported"] is said["backchannel_logout_session_supported"] is True


def test_backchannel_rp_initiated_logout(suite: Suite, receiver: Receiver) -> None:
    """Sections 2.4 to 2.6: a logout token of this issuer, for this client, about this sign-in, and no ID token."""
    asked = {"backchannel_logout_uri": receiver.url("/out"), "backchannel_logout_session_required": True}
    said = dynamic(suite, post_logout_redirect_uris=[BYE], **asked)
    assert asked.items() <= said.items()
    token = suite.tokens()["id_token"]
    answer = leave(suite, id_token_hint=token, post_logout_redirect_uri=BYE, state="s")
    assert answer.location == BYE + "?state=s" and is_signed_out(suite)
    backchannel_logout.send_due()
    (got,) = receiver.got
    logout_token = parse_qs(got.body.decode())["logout_token"][0]
    claims, before = protocol.claims(logout_token), protocol.claims(token)
    assert header(logout_token)["typ"] == "logout+jwt" and header(logout_token)["alg"] == "RS256"
    assert {name: claims[name] for name in ("iss", "aud", "sub", "sid")} == {
        name: before[name] for name in ("iss", "aud", "sub", "sid")
    }
    assert claims["events"] == {EVENT: {}} and claims["jti"] and "nonce" not in claims
    assert claims["iat"] <= clock.now() + 5 < claims["exp"]


# Session Management


@pytest.fixture(scope="module")
def https() -> Iterator[Standing]:
    with standing("sqlite", issuer=HTTPS) as found:
        yield found


def test_discovery_names_the_frame(https: Standing) -> None:
    """Session Management 1.0, section 3.3."""
    said = https.browser().get("/.well-known/openid-configuration").json
    assert said["check_session_iframe"] == HTTPS + "/oauth/session"
    assert https.browser().get("/oauth/session").status == 200


def test_session_management_rp_initiated_logout(https: Standing) -> None:
    """Sections 2 and 3.2: a state with each answer, and signing out takes the cookie that it is made of."""
    app = https.register("Notes", owner=https.person("ada@example.test", "admin"))
    browser = https.browser("ada@example.test")
    assert app.sent_back(browser, app.ask()).parameters["session_state"]
    cookie = "__Host-authserver_state"
    assert browser.wire.cookies()[cookie]
    browser.submit(browser.open("/oauth/logout").form("/oauth/logout/confirm"))
    assert not browser.wire.cookies().get(cookie)


# Third-party initiated login


def test_a_sign_in_that_starts_elsewhere_is_registered_and_read_back(suite: Suite) -> None:
    """Core 4; Registration 1.0, sections 3.2 and 4: module 3rd_party-init-login."""
    uri = "https://suite.example.test/login"
    said = dynamic(suite, initiate_login_uri=uri)
    read = registering.manage("GET", said)
    assert (read.status, read.header("content-type")) == (200, "application/json")
    assert said["initiate_login_uri"] == read.json["initiate_login_uri"] == uri


def test_a_sign_in_that_starts_elsewhere_starts_over_https(suite: Suite) -> None:
    """Registration 1.0, section 2: module 3rd_party-init-login-nohttps."""
    refused = registering.register({"redirect_uris": [CALLBACK], "initiate_login_uri": "http://suite.example.test/"})
    assert (refused.status, refused.json["error"]) == (400, "invalid_client_metadata")
