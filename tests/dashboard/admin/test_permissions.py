"""/admin/permissions: administrators change what a level of keys may do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from authserver.domain.access import permissions
from authserver.lib import clock
from tests.conftest import Person
from tests.support import authorizing, forms

Browser = Callable[[], FlaskClient]
PATH = "/admin/permissions"


def signed_in(browser: Browser, person: Person) -> FlaskClient:
    http = browser()
    authorizing.sign_in(http, person)
    return http


def save(http: FlaskClient, level: str, *scopes: str) -> int:
    token = forms.token(http, "admin_permissions.save")
    return http.post(f"{PATH}/{level}", data={"csrf_token": token, "scopes": list(scopes)}).status_code


def test_the_list_names_every_level_and_scope(browser: Browser, ada: Person) -> None:
    page = signed_in(browser, ada).get(PATH).get_data(as_text=True)
    for text in ("Read Only", "Read/Write", "Full Access", "workflows:delete"):
        assert text in page


def test_a_level_is_changed_by_its_form(browser: Browser, ada: Person) -> None:
    http = signed_in(browser, ada)
    assert 'value="workflows:read"' in http.get(f"{PATH}/read_only").get_data(as_text=True)
    assert save(http, "read_only", "workflows:read") == 303
    assert permissions.get("read_only").scopes == ("workflows:read",)


def test_what_breaks_the_order_comes_back_with_a_sentence(browser: Browser, ada: Person) -> None:
    http = signed_in(browser, ada)
    token = forms.token(http, "admin_permissions.save")
    answer = http.post(f"{PATH}/read_write", data={"csrf_token": token, "scopes": ["workflows:read"]})
    assert answer.status_code == 422
    assert "Read Only lies below this level" in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/read_only"])
def test_others_get_a_404(browser: Browser, alice: Person, path: str) -> None:
    assert signed_in(browser, alice).get(path).status_code == 404


def test_others_change_nothing(browser: Browser, mallory: Person) -> None:
    before = permissions.get("read_only")
    assert save(signed_in(browser, mallory), "read_only", "workflows:read", "admin") == 404
    assert permissions.get("read_only") == before


def test_an_unknown_level_is_not_found(browser: Browser, ada: Person) -> None:
    http = signed_in(browser, ada)
    assert http.get(f"{PATH}/root").status_code == 404
    assert save(http, "root", "admin") == 404


def test_long_after_signing_in_the_password_is_asked_again(
    browser: Browser, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = signed_in(browser, ada)
    later = clock.now() + 400
    monkeypatch.setattr(clock, "now", lambda: later)
    assert save(http, "read_only", "workflows:read") == 303
    assert permissions.get("read_only").scopes == ("workflows:read", "analytics:read")
