"""The mark of the installation for tabs and home screens, in the colour of the brand."""

from __future__ import annotations

import dataclasses
import io
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from PIL import Image

from authserver import config
from authserver.config import Settings
from authserver.lib import icons

PATHS = {
    "/favicon.svg": "image/svg+xml; charset=utf-8",
    "/favicon.ico": "image/x-icon",
    "/apple-touch-icon.png": "image/png",
}


@pytest.mark.parametrize("path", PATHS)
def test_anybody_may_have_it_and_keep_it(http: FlaskClient, path: str) -> None:
    first = http.get(path)
    assert (first.status_code, first.content_type) == (200, PATHS[path])
    assert first.headers["Cache-Control"] == "public, max-age=86400"
    assert "Set-Cookie" not in first.headers
    assert http.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_every_page_names_all_of_them(http: FlaskClient) -> None:
    page = http.get("/login").text
    assert [path for path in PATHS if f'href="{path}"' not in page] == []


@pytest.mark.parametrize(("accent", "on"), [("#f4c400", "#000000"), ("#102040", "#ffffff"), ("", "#ffffff")])
def test_it_has_the_colour_of_the_brand_and_a_mark_that_stands_out(
    http: FlaskClient, settings: Settings, accent: str, on: str
) -> None:
    with config.using(dataclasses.replace(settings, accent=accent)):
        drawn = ElementTree.fromstring(http.get("/favicon.svg").text)
    rect, mark = drawn[0], drawn[1]
    assert (rect.get("fill"), mark.get("stroke")) == (accent or icons.PINE, on)


def test_the_files_hold_pictures_of_the_right_sizes() -> None:
    with Image.open(io.BytesIO(icons.ico("#f4c400"))) as many:
        assert set(many.info["sizes"]) == {(side, side) for side in icons.ICO_SIDES}
    with Image.open(io.BytesIO(icons.png("#f4c400"))) as one:
        assert one.size == (icons.TOUCH_SIDE, icons.TOUCH_SIDE)
        assert one.convert("RGB").getpixel((2, 2)) == (0xF4, 0xC4, 0x00)
