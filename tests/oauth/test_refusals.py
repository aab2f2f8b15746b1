"""What an OAuth error says: the parameter, what was expected, what to do, and where its owner reads more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.insight import refusals
from authserver.models import Client
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import answer_of, authorize, sign_in
from tests.support.databases import ISSUER
from tests.support.protocol import App, send

# RFC 6749 section 4.1.2.1: the characters of a description; and nothing that reads like a shrug.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{30,}\.")
URI = re.compile(re.escape(ISSUER) + r"/refused/req\w+")
# What is sent instead of a good request: the words that its description has to have.
AT_AUTHORIZE: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"code_challenge": None, "code_challenge_method": None}, ("code_challenge", "S256", "nonce", "openid")),
    ({"code_challenge": None}, ("code_challenge", "code_challenge_method")),
    ({"code_challenge_method": "plain"}, ("code_challenge_method", "S256")),
    ({"code_challenge": "a" * 42}, ("code_challenge", "43")),
    ({"response_type": None}, ("response_type=code",)),
    ({"response_type": "token"}, ("response_type", "code flow")),
    ({"response_mode": "query.jwt"}, ("response_mode", "registered")),
    ({"scope": "nothing"}, ("scope", "Allow one in the app")),
    ({"scope": 'a"b'}, ("scope", "single spaces")),
    ({"resource": "https://nowhere.example"}, ("resource", "Assign it")),
    ({"prompt": "sometimes"}, ("prompt", "login")),
    ({"prompt": "none login"}, ("prompt none", "alone")),
    ({"prompt": "none"}, ("sign in", "without prompt=none")),
    ({"max_age": "soon"}, ("max_age", "seconds")),
    ({"nonce": "n" * 2000}, ("nonce", "1024")),
    ({"state": "s" * 20_000}, ("state", "16384")),
    ({"request": "e30.e30."}, ("request object", "signature")),
)
AT_TOKEN: tuple[tuple[dict[str, str], tuple[str, ...]], ...] = (
    ({}, ("grant_type", "missing")),
    ({"grant_type": "password"}, ("grant_type", "authorization_code", "client_credentials")),
    ({"grant_type": "authorization_code"}, ("code", "missing")),
    ({"grant_type": "client_credentials", "scope": "admin"}, ("scope", "Add them to the app")),
)


def test_every_error_of_the_authorization_endpoint_names_the_parameter_and_the_remedy(
    app: Flask, http: FlaskClient
) -> None:
    authorizing.make_app()
    for changes, words in AT_AUTHORIZE:
        told = answer_of(authorize(http, **changes))
        assert DESCRIPTION.fullmatch(told["error_description"]), told
        assert all(word in told["error_description"] for word in words), (words, told)
        assert URI.fullmatch(told["error_uri"]), told


def test_so_does_every_error_of_the_token_endpoint(web_app: App) -> None:
    for fields, words in AT_TOKEN:
        told = send("/oauth/token", fields, headers=web_app.basic).json
        assert DESCRIPTION.fullmatch(told["error_description"]), told
        assert all(word in told["error_description"] for word in words), (words, told)
        assert told["error_uri"].startswith(f"{ISSUER}/refused/"), told


def test_a_bad_client_and_a_bad_code_have_one_sentence_each(web_app: App, alice: Person) -> None:
    code = {"grant_type": "authorization_code", "redirect_uri": protocol.CALLBACK}
    wrong = (protocol.basic("nobody", "x"), protocol.basic(web_app.id, "wrong"), protocol.basic(web_app.id, "é"))
    clients = {
        send("/oauth/token", {**code, "code": "x"}, headers=header).json["error_description"] for header in wrong
    }
    good = protocol.allow(alice.id, web_app)
    grants = {
        send("/oauth/token", {**code, "code": value, **more}, headers=web_app.basic).json["error_description"]
        for value, more in (("x", {}), ("kaie_ac_x", {}), (good, {"code_verifier": "v" * 43}), (good, {}))
    } | {
        send("/oauth/token", {"grant_type": "refresh_token", "refresh_token": value}, headers=web_app.basic).json[
            "error_description"
        ]
        for value in ("x", "kaie_rt_x")
    }
    assert len(clients) == len(grants) == 1
    assert all(DESCRIPTION.fullmatch(each) for each in clients | grants)


def test_unknown_paths_of_the_protocol_are_json_without_a_cookie(http: FlaskClient) -> None:
    for path in ("/oauth/", "/oauth/nothing", "/oauth/token/", "/.well-known/", "/.well-known/nothing", "/oauth/x/y"):
        for method in ("GET", "POST"):
            answer = http.open(path, method=method)
            assert answer.status_code == 404, path
            assert answer.is_json and answer.json["error"] == "not_found", path
            assert "Set-Cookie" not in answer.headers, path


def test_the_error_uri_explains_to_the_owner_and_is_one_page_for_everybody_else(
    app: Flask, browser: Callable[[], FlaskClient], alice: Person, bob: Person
) -> None:
    authorizing.make_app(owner_id=alice.id)
    answer = authorize(browser(), code_challenge=None, code_challenge_method=None)
    path = f"/refused/{answer.headers['X-Request-Id']}"
    assert quote(ISSUER + path, safe="") in answer.text, "the way back to the app carries it, too"
    refusals.flush()
    unknown = "/refused/req" + "0" * 20
    for person in (None, bob):
        here = browser()
        if person:
            sign_in(here, person)
        pages = [here.get(each) for each in (path, unknown)]
        assert [page.status_code for page in pages] == [200, 200]
        texts = [
            page.text.replace(each.rpartition("/")[2], "") for page, each in zip(pages, (path, unknown), strict=True)
        ]
        assert "Acme Notes" not in texts[0]
        assert _plain(texts[0]) == _plain(texts[1])
    hers = browser()
    sign_in(hers, alice)
    answer = hers.get(path)
    assert (answer.status_code, urlsplit(answer.location).path) == (303, path.replace("/refused/", "/errors/"))
    assert "code_challenge is missing" in hers.get(answer.location).text


def _plain(page: str) -> str:
    """A page without what is random in every answer."""
    return re.sub(r'nonce="[^"]*"|value="[^"]*"|req\w{20}', "", page)


def test_no_description_repeats_what_was_sent(app: Flask, http: FlaskClient) -> None:
    authorizing.make_app()
    for name in ("response_type", "response_mode", "scope", "prompt", "max_age", "code_challenge", "resource"):
        told = answer_of(authorize(http, **{name: "https://evil.example/mallory"}))
        assert "mallory" not in told["error_description"] + told["error_uri"]
    with database.reading() as session:
        assert session.query(Client).count() == 1
