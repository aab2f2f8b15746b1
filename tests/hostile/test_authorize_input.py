"""Hostile authorization requests: nothing leaves here before client and redirect URI are beyond doubt (class C1)."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode, urlsplit

import pytest

from tests.hostile import refusals
from tests.support.browsing import Answer, Browser
from tests.support.standing import Standing
from tests.support.tables import rows
from tests.support.third_party import CALLBACK, FORM, App


@pytest.fixture(scope="module")
def app(server: Standing) -> App:
    return server.register("Notes", redirect_uris=(CALLBACK, CALLBACK + "?tenant=1"))


@pytest.fixture(scope="module")
def native(server: Standing) -> App:
    return server.register("Tool", kind="native", redirect_uris=("http://127.0.0.1/cb", "com.example.tool:/cb"))


@pytest.fixture(scope="module")
def browser(server: Standing) -> Browser:
    return server.browser("alice@example.test")


def is_our_page(answer: Answer) -> None:
    """PAGE of security.md: our own 400, and no Location."""
    assert answer.status == 400, (answer.status, answer.location)
    assert answer.header("Content-Type").startswith("text/html")
    assert not answer.all("Location")
    refusals.check_quiet(answer)


REDIRECTS = {
    "a longer path": CALLBACK + "/more",
    "a path that climbs": CALLBACK + "/../callback",
    "an encoded climb": CALLBACK + "/%2e%2e/callback",
    "a trailing slash": CALLBACK + "/",
    "a query": CALLBACK + "?x=1",
    "an empty query": CALLBACK + "?",
    "another query": CALLBACK + "?tenant=2",
    "a longer query": CALLBACK + "?tenant=1&x=2",
    "a fragment": CALLBACK + "#x",
    "an empty fragment": CALLBACK + "#",
    "upper case host": "https://APP.example.test/callback",
    "upper case scheme": "HTTPS://app.example.test/callback",
    "upper case path": "https://app.example.test/Callback",
    "the port written out": "https://app.example.test:443/callback",
    "another port": "https://app.example.test:444/callback",
    "http": "http://app.example.test/callback",
    "a name before": "https://user@app.example.test/callback",
    "our host as a name": "https://app.example.test@evil.example/callback",
    "our host as name and password": "https://app.example.test:443@evil.example/callback",
    "a backslash": "https://evil.example\\@app.example.test/callback",
    "a backslash path": "https://app.example.test\\callback",
    "a longer host": "https://app.example.test.evil.example/callback",
    "a host with our end": "https://evilapp.example.test/callback",
    "a subdomain": "https://x.app.example.test/callback",
    "a dot after the host": "https://app.example.test./callback",
    "a tab": "https://app.example.test/call\tback",
    "a line break": "https://app.example.test/callback\r\nX: y",
    "a NUL": CALLBACK + "\x00",
    "a space before": " " + CALLBACK,
    "a space after": CALLBACK + " ",
    "encoded letters": "https://app.example.test/%63allback",
    "doubly encoded": quote(CALLBACK, safe=""),
    "only a path": "/callback",
    "two slashes": "//app.example.test/callback",
    "three slashes": "https:///app.example.test/callback",
    "no slash": "https:app.example.test/callback",
    "javascript": "javascript:alert(1)//app.example.test/callback",
    "data": "data:text/html,x",
    "a full-width dot": "https://app。example.test/callback",
    "a look-alike": "https://аpp.example.test/callback",
    "a wildcard": "https://*.example.test/callback",
    "another client's": "http://127.0.0.1/cb",
    "very long": CALLBACK + "?" + "x" * 9000,
}


@rows("what", REDIRECTS)
def test_only_the_registered_redirect_uri_itself_is_ever_followed(app: App, browser: Browser, what: str) -> None:
    asked = app.ask(redirect_uri=REDIRECTS[what])
    is_our_page(browser.get(asked.url))


TRIGGERS: dict[str, dict[str, str | None]] = {
    "a good request": {},
    "no response_type": {"response_type": None},
    "response_type token": {"response_type": "token"},
    "no challenge": {"code_challenge": None},
    "plain": {"code_challenge_method": "plain"},
    "an unknown scope": {"scope": "nothing:known"},
    "a malformed scope": {"scope": 'a"b'},
    "prompt none": {"prompt": "none"},
    "a bad prompt": {"prompt": "dance"},
    "a bad max_age": {"max_age": "-1"},
    "a foreign resource": {"resource": "https://other.example"},
    "a request object": {"request": "e30.e30."},
    "a request_uri": {"request_uri": "http://127.0.0.1:9/x"},
    "a response_mode": {"response_mode": "query.jwt"},
}


@rows("what", TRIGGERS)
@rows(
    "sender",
    [{"client_id": "nobody"}, {"client_id": None}, {"client_id": "x" * 5000}, {"client_id": "a\x00b"},
     {"redirect_uri": "https://evil.example/cb"}, {"redirect_uri": None}],
)  # fmt: skip
def test_every_kind_of_error_stays_here_until_client_and_redirect_are_verified(
    app: App, browser: Browser, what: str, sender: dict[str, str | None]
) -> None:
    is_our_page(browser.get(app.ask(**{**TRIGGERS[what], **sender}).url))


ERRORS = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "response_type token": ({"response_type": "token"}, "unsupported_response_type"),
    "response_type id_token": ({"response_type": "id_token"}, "unsupported_response_type"),
    "response_type code token": ({"response_type": "code token"}, "unsupported_response_type"),
    "response_type none": ({"response_type": "none"}, "unsupported_response_type"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "neither PKCE nor nonce": (
        {"code_challenge": None, "code_challenge_method": None, "nonce": None},
        "invalid_request",
    ),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "no method": ({"code_challenge_method": None}, "invalid_request"),
    "an empty challenge": ({"code_challenge": ""}, "invalid_request"),
    "a short challenge": ({"code_challenge": "a" * 42}, "invalid_request"),
    "a long challenge": ({"code_challenge": "a" * 44}, "invalid_request"),
    "a challenge with a line break": ({"code_challenge": "a" * 42 + "\n"}, "invalid_request"),
    "only unknown scopes": ({"scope": "nothing:known"}, "invalid_scope"),
    "a malformed scope": ({"scope": 'a"b'}, "invalid_scope"),
    "two prompts of which none is one": ({"prompt": "none login"}, "invalid_request"),
    "an unknown prompt": ({"prompt": "dance"}, "invalid_request"),
    "max_age of a word": ({"max_age": "soon"}, "invalid_request"),
    "max_age below zero": ({"max_age": "-1"}, "invalid_request"),
    "max_age without end": ({"max_age": "9" * 400}, "invalid_request"),
    "max_age in other digits": ({"max_age": "٣"}, "invalid_request"),
    "a foreign resource": ({"resource": "https://other.example"}, "invalid_target"),
    "a resource with a fragment": ({"resource": "https://other.example#x"}, "invalid_target"),
    "an unsigned request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    "a remote request object": ({"request_uri": "http://127.0.0.1:9/x"}, "invalid_request_uri"),
    "registration": ({"registration": "{}"}, "registration_not_supported"),
    "response_mode query.jwt": ({"response_mode": "query.jwt"}, "invalid_request"),
    "response_mode web_message": ({"response_mode": "web_message"}, "invalid_request"),
    "a very long nonce": ({"nonce": "n" * 20_000}, "invalid_request"),
}


@rows("what", ERRORS)
def test_an_error_reaches_the_app_with_state_and_issuer_and_nothing_of_the_input(
    app: App, server: Standing, what: str
) -> None:
    changes, error = ERRORS[what]
    asked = app.ask(**changes)
    answer = server.browser().get(asked.url)
    assert answer.status == 303, (answer.status, answer.text[:500])
    assert answer.location.startswith(CALLBACK + "?")
    got = answer.parameters
    assert got["error"] == error and got["state"] == asked.state and got["iss"] == server.issuer
    assert set(got) == {"error", "error_description", "error_uri", "state", "iss"}
    assert refusals.ALLOWED.fullmatch(got["error_description"])


@pytest.mark.parametrize("name", ["scope", "state", "nonce", "response_type", "code_challenge", "prompt", "unknown"])
def test_a_parameter_sent_twice_is_an_error_for_the_app(app: App, browser: Browser, name: str) -> None:
    asked = app.ask()
    answer = browser.get(f"{asked.url}&{name}=1&{name}=2")
    assert answer.status == 303 and answer.parameters["error"] == "invalid_request"
    assert "code" not in answer.parameters


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_client_or_redirect_sent_twice_stay_here(app: App, browser: Browser, name: str) -> None:
    asked = app.ask()
    is_our_page(browser.get(f"{asked.url}&{urlencode({name: asked.parameters[name]})}"))
    is_our_page(browser.get(f"{asked.url}&{name}="))


STATES = {
    "CRLF": "a\r\nSet-Cookie: x=y\r\n\r\n<script>",
    "a line feed": "a\nb",
    "a percent-encoded CRLF, kept encoded": "a%0d%0ab",
    "markup": "\"><script>alert(1)</script>'",
    "eight kilobytes": "s" * 8192,
    "spaces and plus": " a + b ",
    "ampersands": "a&code=stolen&iss=evil",
    "other letters": "žluťoučký кот 猫",
    "an emoji": "🦊",
    "a byte order mark": "\ufeffx",
    "a right-to-left mark": "\u202egpj.exe",
    "controls": "a\x01\x1b[31mb\x7f",
    "a fragment": "a#b",
    "nothing but dots": "../..",
}


@rows("what", STATES)
def test_a_state_comes_back_as_it_was_byte_for_byte(app: App, server: Standing, what: str) -> None:
    browser = server.browser("alice@example.test")
    asked = app.ask(state=STATES[what])
    answer = app.sent_back(browser, asked)
    assert len(answer.all("Location")) == 1 and not re.search(r"[\r\n\x00-\x1f]", answer.location)
    assert answer.parameters["state"] == STATES[what]
    assert set(answer.parameters) == {"code", "state", "iss"}
    refused = browser.get(app.ask(state=STATES[what], response_type="token").url)
    assert refused.parameters["state"] == STATES[what] and refused.parameters["iss"] == server.issuer


def test_a_state_with_a_nul_is_refused_cleanly(app: App, browser: Browser) -> None:
    answer = browser.get(app.ask(state="a\x00b").url)
    assert answer.status in (303, 400)
    assert "code=" not in answer.location


def test_a_registered_query_is_kept_and_its_names_cannot_collide(server: Standing) -> None:
    uri = "https://app.example.test/cb?code=fixed&state=fixed&iss=fixed&tenant=7"
    app, browser = server.register("Collides", redirect_uris=(uri,)), server.browser("alice@example.test")
    asked = app.ask()
    got = browser.submit(browser.open(asked.url).form("/oauth/authorize/consent"), action="allow").parameters
    assert got["tenant"] == "7" and got["state"] == asked.state and got["iss"] == server.issuer
    assert app.redeem(got["code"], asked.verifier).status == 200


@pytest.mark.parametrize("nonce", ["n" * 64, "n" * 384, "ž" * 100, '"<>&', "n\nn"])
def test_a_nonce_comes_back_whole_in_the_id_token(app: App, server: Standing, nonce: str) -> None:
    from authserver.lib import jwt

    tokens = app.tokens(server.browser("alice@example.test"), nonce=nonce)
    assert jwt.peek_claims(tokens["id_token"])["nonce"] == nonce


LOOPBACKS = {
    "another port": ("http://127.0.0.1:49152/cb", True),
    "the lowest port": ("http://127.0.0.1:1/cb", True),
    "no port": ("http://127.0.0.1/cb", True),
    "its own scheme": ("com.example.tool:/cb", True),
    "localhost": ("http://localhost:49152/cb", False),
    "IPv6": ("http://[::1]:49152/cb", False),
    "another path": ("http://127.0.0.1:49152/cb2", False),
    "https": ("https://127.0.0.1:49152/cb", False),
    "a name": ("http://x@127.0.0.1:49152/cb", False),
    "a port of letters": ("http://127.0.0.1:abc/cb", False),
    "port zero padded": ("http://127.0.0.1:049152/cb", False),
    "no digits": ("http://127.0.0.1:/cb", False),
    "too high a port": ("http://127.0.0.1:65536/cb", False),
    "another spelling": ("http://127.1:49152/cb", False),
    "a decimal spelling": ("http://2130706433:49152/cb", False),
    "another loopback address": ("http://127.0.0.2:49152/cb", False),
    "a query": ("http://127.0.0.1:49152/cb?x", False),
    "another scheme": ("com.example.tool2:/cb", False),
    "its scheme with a host": ("com.example.tool://evil/cb", False),
}


@rows("what", LOOPBACKS)
def test_a_native_app_may_choose_its_loopback_port_and_nothing_else(native: App, server: Standing, what: str) -> None:
    uri, allowed = LOOPBACKS[what]
    answer = server.browser("alice@example.test").open(native.ask(redirect_uri=uri).url)
    if allowed:
        assert answer.status == 200 and urlsplit(answer.url).path == "/oauth/authorize/consent"
    else:
        is_our_page(answer)


def test_a_public_client_is_asked_for_pkce_whatever_the_setting_says(native: App, server: Standing) -> None:
    asked = native.ask(redirect_uri="http://127.0.0.1:5000/cb", code_challenge=None, code_challenge_method=None)
    answer = server.browser().get(asked.url)
    assert "error=invalid_request" in answer.location


BODIES = {
    "JSON": (b"{}", "application/json"),
    "multipart": (b"--x--", "multipart/form-data; boundary=x"),
    "no UTF-8": (b"client_id=%ff", FORM),
    "a megabyte": (b"client_id=" + b"x" * 1_000_000, FORM),
    "nothing": (b"", FORM),
    "a thousand parameters": (b"&".join(b"p%d=1" % number for number in range(1000)), FORM),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_posted_request_that_is_none_stays_here(app: App, what: str) -> None:
    body, content_type = BODIES[what]
    answer = app.send("POST", "/oauth/authorize", body, Content_Type=content_type)
    assert answer.status in (400, 413) and not answer.all("Location")
    refusals.check_quiet(answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_no_other_method_begins_anything(app: App, method: str) -> None:
    assert app.send(method, app.ask().url.removeprefix(app.issuer)).status in (405, 501)


def test_the_stored_request_cannot_be_changed_by_hidden_fields(app: App, server: Standing) -> None:
    browser = server.browser("alice@example.test")
    asked = app.ask(prompt="consent", scope="openid workflows:read")
    form = browser.open(asked.url).form("/oauth/authorize/consent")
    fields = [
        *form.filled(action="allow"),
        ("redirect_uri", "https://evil.example/cb"),
        ("client_id", "evil"),
        ("scope", "workflows:write"),
        ("scope", "admin"),
        ("state", "changed"),
        ("code_challenge", "a" * 43),
        ("user_id", "other"),
    ]
    answer = browser.send("POST", form.action, fields)
    assert answer.location.startswith(CALLBACK) and answer.parameters["state"] == asked.state
    tokens = app.redeem(answer.parameters["code"], asked.verifier)
    assert tokens.status == 200 and set(tokens.json["scope"].split()) == {"openid", "workflows:read"}


def test_a_pending_request_serves_no_other_browser_and_no_other_person(app: App, server: Standing) -> None:
    alice = server.browser("alice@example.test")
    form = alice.open(app.ask(prompt="consent").url).form("/oauth/authorize/consent")
    handle = dict(form.filled())["request"]
    mallory = server.browser("mallory@example.test")
    opened = mallory.open(f"/oauth/authorize/consent?request={handle}")
    assert opened.status == 400 and "code=" not in opened.location
    own = mallory.open(app.ask(prompt="consent").url).form("/oauth/authorize/consent")
    crossed = mallory.follow(mallory.submit(own, request=handle, action="allow"))
    assert crossed.status == 400 and "code=" not in crossed.location
    assert "code" in alice.submit(form, action="allow").parameters
