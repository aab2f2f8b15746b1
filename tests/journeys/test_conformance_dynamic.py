"""What the OpenID conformance plans Form Post and Dynamic play: one test a module, by a client over HTTP.

Those of logout and of third-party initiated login are in `test_conformance_logout.py`.
"""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine

from authserver.domain import outbound
from authserver.domain.ground import cache
from authserver.domain.signing import keys as signing_keys
from authserver.lib import clock
from tests.support import authorizing, protocol, registering
from tests.support.conformance import CALLBACK, ISSUER, Suite, dynamic, header, overrides, suite
from tests.support.tables import rows

__all__ = ["overrides", "suite"]  # fixtures


# Form Post


def test_form_post(suite: Suite) -> None:
    """OAuth 2.0 Form Post Response Mode, section 2: the members in a form that posts itself."""
    suite.tokens()
    page = suite.request(response_mode="form_post")
    assert page.status_code == 200 and f'action="{CALLBACK}"' in page.text
    members = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
    assert members["state"] == "s" and html.unescape(members["iss"]) == ISSUER
    assert suite.exchange(members["code"]).status_code == 200


def test_form_post_of_an_error(suite: Suite, browser: Any) -> None:
    """The same section: errors, too."""
    suite.browser = browser()
    page = suite.request(response_mode="form_post", prompt="none")
    assert page.status_code == 200 and 'name="error"' in page.text


# Dynamic


def test_registration(suite: Suite) -> None:
    """Registration 1.0, section 3.2: a secret comes with when it ends."""
    said = dynamic(suite)
    assert said["client_secret"] and said["client_secret_expires_at"] == 0
    assert said["redirect_uris"] == [CALLBACK]
    assert suite.id_token()["aud"] == said["client_id"]


@rows("member", ["policy_uri", "tos_uri"])
def test_registered_links_are_shown_to_the_person(suite: Suite, member: str) -> None:
    """Registration 1.0, section 2."""
    said = dynamic(suite, **{member: "https://suite.example.test/words"})
    assert said[member] == "https://suite.example.test/words"
    assert 'href="https://suite.example.test/words"' in suite.request().text


def test_a_redirect_uri_with_a_fragment_is_not_registered(suite: Suite) -> None:
    """RFC 6749 section 3.1.2."""
    reply = registering.register({"redirect_uris": [CALLBACK + "#foobar"]})
    assert (reply.status, reply.json["error"]) == (400, "invalid_redirect_uri")


def test_a_redirect_uri_with_a_query_keeps_it(suite: Suite) -> None:
    """RFC 6749 section 3.1.2."""
    uri = CALLBACK + "?foo=bar"
    dynamic(suite, redirect_uris=[uri])
    answer = suite.answer(redirect_uri=uri)
    assert answer["foo"] == "bar" and suite.exchange(answer["code"], redirect_uri=uri).status_code == 200


@rows("uri", [CALLBACK + "?foo=baz", CALLBACK, CALLBACK + "?foo=bar&x=y"])
def test_a_redirect_uri_with_another_query_is_a_page(suite: Suite, uri: str) -> None:
    """Core 3.1.2.1: mismatch, missing, added."""
    dynamic(suite, redirect_uris=[CALLBACK + "?foo=bar"])
    assert suite.request(redirect_uri=uri).status_code == 400


def test_userinfo_signed_with_rs256(suite: Suite) -> None:
    """Core 5.3.2: a JWT with `iss` and `aud`."""
    dynamic(suite, userinfo_signed_response_alg="RS256")
    tokens = suite.tokens()
    answer = suite.userinfo(tokens["access_token"])
    claims = protocol.claims(answer.text)
    assert answer.content_type.startswith("application/jwt") and header(answer.text)["alg"] == "RS256"
    assert (claims["iss"], claims["aud"]) == (ISSUER, suite.app.id)
    assert claims["sub"] == protocol.claims(tokens["id_token"])["sub"]


def test_keys_are_rotated_and_the_old_one_stays_published(suite: Suite) -> None:
    """Core 10.1.1: what was signed before is still verified."""
    dynamic(suite)
    before = header(suite.tokens()["id_token"])["kid"]
    signing_keys.rotate(["RS256"])
    with time_machine.travel(clock.now() + 2 * 86_400):
        cache.reset()
        published = {key["kid"] for key in suite.browser.get("/.well-known/jwks.json").json["keys"]}
        authorizing.sign_in(suite.browser, suite.person)
        after = header(suite.tokens()["id_token"])["kid"]
    assert before != after and {before, after} <= published


@dataclass
class Elsewhere:
    """What other hosts publish."""

    text: str = ""

    def fetch(self, url: str, *_: Any, **__: Any) -> outbound.Answer:
        return outbound.Answer(200, (), self.text.encode(), 1, False)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    made = Elsewhere()
    monkeypatch.setattr(outbound, "fetch", made.fetch)
    return made


def test_an_unsigned_request_by_reference_with_a_fragment(suite: Suite, elsewhere: Elsewhere) -> None:
    """Core 6.2: for an app that registered the address, and `none` as its algorithm."""
    uri = "https://suite.example.test/request#" + "0" * 43
    dynamic(suite, request_uris=[uri], request_object_signing_alg="none")
    wishes = {"response_type": "code", "client_id": suite.app.id, "state": "from-the-object", "scope": "openid"}
    elsewhere.text = ".".join(
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "none"}, wishes)
    )
    elsewhere.text += "."
    assert suite.answer(request_uri=uri)["state"] == "from-the-object"


def test_a_sector_that_does_not_list_a_redirect_uri_is_refused(suite: Suite, elsewhere: Elsewhere) -> None:
    """Registration 1.0, section 5; and one that lists it is not."""
    sector = {"subject_type": "pairwise", "sector_identifier_uri": "https://suite.example.test/sector.json"}
    elsewhere.text = json.dumps([CALLBACK])
    dynamic(suite, **sector)
    refused = registering.register({"redirect_uris": ["https://other.example.test/cb"], **sector})
    assert (refused.status, refused.json["error"]) == (400, "invalid_client_metadata")
