"""What a page reads has an end: fields, parameters, page numbers (security.md E20)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver.edge import form_limits
from tests.conftest import Person
from tests.support import forms

FORM = "application/x-www-form-urlencoded"
HUGE = ("100000000000000000000", "9" * 5000, "0", "-1", "x", "", "1e9", "\u0661", "1.5")


@pytest.mark.parametrize("path", ["/login", "/password/reset", "/logout"])
def test_a_form_of_more_fields_than_any_of_ours_is_not_parsed(http: FlaskClient, path: str) -> None:
    at_most = http.post(path, data="&".join(["a"] * form_limits.MAX_FIELDS), content_type=FORM)
    beyond = http.post(path, data="&".join(["a"] * (form_limits.MAX_FIELDS + 1)), content_type=FORM + "; charset=utf-8")
    assert at_most.status_code != 413
    assert beyond.status_code == 413


@pytest.mark.parametrize("sent", [{"name": "a\0b"}, {"a\0b": "x"}], ids=["in a value", "in a name"])
def test_a_nul_is_refused_whatever_the_database(http: FlaskClient, alice: Person, sent: dict[str, str]) -> None:
    """SQLite keeps one, PostgreSQL does not."""
    forms.sign_in(http, alice.email, alice.password)
    data = {"csrf_token": forms.token(http, "profile.save"), "name": "Alice", **sent}
    assert http.post("/settings/profile", data=data).status_code == 400
    assert http.get("/audit", query_string=sent).status_code == 400
    assert http.get("/apps/a%00b").status_code == 404


def test_a_query_of_more_parameters_than_any_of_ours_is_not_parsed(http: FlaskClient) -> None:
    assert http.get("/login?" + "&".join(["a"] * form_limits.MAX_PARAMETERS)).status_code == 200
    assert http.get("/login?" + "&".join(["a"] * (form_limits.MAX_PARAMETERS + 1))).status_code == 414


def test_every_list_answers_a_page_of_nothing_whatever_number_is_asked_for(
    app: Flask, browser: Callable[[], FlaskClient], ada: Person
) -> None:
    http = browser()
    forms.sign_in(http, ada.email, ada.password)
    paths = sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and not rule.endpoint.startswith("machine:")
    )
    failing = [
        (path, text[:30], answer.status_code)
        for path in paths
        for text in HUGE
        if (answer := http.get(path, query_string={"page": text, "limit": text})).status_code >= 500
    ]
    assert len(paths) > 20
    assert failing == []
