"""/.well-known/security.txt (RFC 9116) and /.well-known/change-password."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from authserver import config
from authserver.errors import BadSettings


@pytest.mark.parametrize("overrides", [{"security_contact": "mailto:security@example.com"}])
def test_it_names_whom_to_tell_and_is_good_for_less_than_a_year(http: FlaskClient) -> None:
    answer = http.get("/.well-known/security.txt")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert answer.content_type == "text/plain; charset=utf-8"
    assert fields["Contact"] == "mailto:security@example.com"
    assert fields["Canonical"] == "http://localhost:8000/.well-known/security.txt"
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert 30 < left.days < 365


def test_without_a_contact_there_is_no_file(http: FlaskClient) -> None:
    assert http.get("/.well-known/security.txt").status_code == 404


@pytest.mark.parametrize("contact", ["security@example.com", "http://example.com", "mailto:a b", "mailto:a\nX: y"])
def test_a_contact_is_an_address_that_opens(contact: str) -> None:
    with pytest.raises(BadSettings, match="security_contact"):
        config.load({"AUTHSERVER_SECURITY_CONTACT": contact})


def test_password_managers_are_led_to_the_page_that_changes_it(http: FlaskClient) -> None:
    answer = http.get("/.well-known/change-password")
    assert (answer.status_code, answer.location) == (302, "/settings/security")
