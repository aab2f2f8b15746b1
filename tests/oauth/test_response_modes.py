"""Where an answer stands: query, fragment, form post (Multiple Response Types 1.0, Form Post Response Mode 1.0)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.support import authorizing
from tests.support.authorizing import CALLBACK, answer_consent, authorize, followed, sign_in

ISSUER = "http://localhost:8000"


@pytest.fixture
def notes(app: Any) -> str:
    return authorizing.make_app()


def of_fragment(answer: Any) -> dict[str, list[str]]:
    where = urlsplit(answer.location)
    assert (answer.status_code, where.query, where._replace(fragment="").geturl()) == (303, "", CALLBACK)
    return parse_qs(where.fragment, keep_blank_values=True, strict_parsing=True)


def test_a_code_comes_in_the_fragment_where_the_app_asks_for_it(notes: str, http: FlaskClient, alice: Person) -> None:
    """Multiple Response Types 1.0, section 2.1: a mode may be asked for; `code` alone may come in any of them."""
    sign_in(http, alice)
    answer = answer_consent(http, followed(http, authorize(http, response_mode="fragment", state="a&b=c #d")))
    said = of_fragment(answer)
    assert said.keys() == {"code", "state", "iss"} and (said["state"], said["iss"]) == (["a&b=c #d"], [ISSUER])


def test_an_error_comes_there_too(notes: str, http: FlaskClient) -> None:
    said = of_fragment(authorize(http, response_mode="fragment", prompt="none"))
    assert said["error"] == ["login_required"] and "code" not in said


@pytest.mark.parametrize("mode", ["", "Fragment", "query.jwt", "fragment.jwt", "web_message", "query fragment"])
def test_no_other_mode_is_one(notes: str, http: FlaskClient, mode: str) -> None:
    answer = authorize(http, response_mode=mode)
    if mode:
        assert "error=invalid_request" in answer.location
    else:
        assert answer.location.startswith("/login")  # empty is left out (RFC 6749 section 3.1)
