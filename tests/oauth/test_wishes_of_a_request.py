"""`display`, `ui_locales`, `claims_locales`, `login_hint`: met as far as they can be (OIDC Core 3.1.2.1, 5.2)."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support import authorizing
from tests.support.authorizing import authorize, followed


@pytest.fixture
def notes(app: Any) -> str:
    return authorizing.make_app()


@pytest.mark.parametrize(
    "wish",
    [
        *({"display": each} for each in ("page", "popup", "touch", "wap", "hologram", "x" * 3_000)),
        *({"ui_locales": each} for each in ("en", "fr-CA fr en", "zz-unknown", "<script>", "\u202e")),
        *({"claims_locales": each} for each in ("en", "ja-Kana-JP", "not a locale at all")),
    ],
)
def test_no_wish_is_an_error(notes: str, http: FlaskClient, wish: dict[str, str]) -> None:
    """`ui_locales` and `claims_locales` that are not supported MUST NOT be an error; nor is any display."""
    page = followed(http, authorize(http, scope="openid", **wish))
    assert (page.status_code, page.request.path) == (200, "/login")
    shown = page.text.partition("<main")[2].partition("</main>")[0]
    assert next(iter(wish.values())) not in shown or next(iter(wish.values())) in ("page", "en")


def test_the_hint_fills_the_form_in(notes: str, http: FlaskClient) -> None:
    page = followed(http, authorize(http, scope="openid", login_hint="alice@example.test"))
    assert 'value="alice@example.test"' in page.text
