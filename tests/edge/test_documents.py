"""What a reader says about encodings and about what it has, and what it gets (RFC 9110 sections 12.5.3 and 13.1.2)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from authserver import assets
from authserver.edge import documents, static_files
from authserver.edge.exchange import Incoming, Outgoing
from authserver.lib.documents import Document
from tests.support.standing import standing

DOCUMENT = Document.of(b"a walk along the river bank, " * 40)
PACKED = ("gzip", "GZIP", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8, *;q=0.1", "*", "*;q=0.5", "x-gzip",
          " gzip ; q=1", "gzip;q=0.001", "gzip;q=1.000", "identity;q=0", "identity;q=0.5, gzip;q=0.5",
          "identity;q=0, *", "deflate, gzip;q=1.0, *;q=0.5", "gzip," + "x," * 2000)  # fmt: skip
PLAIN = ("", "identity", "br", "deflate, br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "identity, gzip;q=.9",
         "identity, gzip;q=0.9", "gzip;q=2", "gzip;q=-1", "gzip;q=0.5000", "gzip;q=", "gzip;q=nan", "gzip;q=1e0",
         "gzip;level=9", "gzip;q=1;q=1", "gzipped", "\x00", "gzip gzip", "x," * 600 + "gzip")  # fmt: skip


def ask(**headers: str) -> Outgoing:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    incoming = Incoming("GET", "/", "", sent, b"", "127.0.0.1")
    return documents.answer(incoming, DOCUMENT, "text/plain", caching=documents.public(60))


def test_it_is_compressed_for_whoever_says_so_and_for_nobody_else() -> None:
    # Of "identity;q=0" alone nothing is said about gzip: what is asked for cannot be had, so it gets the plain bytes.
    packed = [each for each in PACKED if each != "identity;q=0"]
    wrong = [each for each in packed if dict(ask(accept_encoding=each).headers).get("Content-Encoding") != "gzip"]
    wrong += [each for each in PLAIN if "Content-Encoding" in dict(ask(accept_encoding=each).headers)]
    assert wrong == []
    assert "Content-Encoding" not in dict(ask().headers)


def test_each_form_is_the_document_and_says_that_there_are_two() -> None:
    packed, plain = ask(accept_encoding="gzip"), ask()
    assert gzip.decompress(packed.body) == plain.body == DOCUMENT.body
    told = [dict(each.headers) for each in (packed, plain)]
    assert {each["Vary"] for each in told} == {"Accept-Encoding"}
    assert {each["Cache-Control"] for each in told} == {"public, max-age=60"}
    assert told[0]["ETag"] != told[1]["ETag"]


def test_a_reader_that_has_the_form_it_would_get_gets_nothing() -> None:
    packed, plain = DOCUMENT.packed_tag, DOCUMENT.tag
    rows = [
        ("gzip", packed, 304), ("gzip", f"W/{packed}", 304), ("gzip", f'"other", {packed}', 304), ("gzip", "*", 304),
        ("", plain, 304), ("gzip", plain, 200), ("", packed, 200), ("gzip", '"other"', 200), ("gzip", packed[:-1], 200),
    ]  # fmt: skip
    wrong = []
    for encoding, had, status in rows:
        answer = ask(accept_encoding=encoding, if_none_match=had)
        told = dict(answer.headers)
        whole = {"Cache-Control", "ETag", "Vary"} <= set(told) and told["ETag"] == (packed if encoding else plain)
        bare = answer.status == 200 or not (answer.body or {"Content-Encoding", "Content-Type"} & set(told))
        if answer.status != status or not whole or not bare:
            wrong.append((encoding, had, answer.status, told))
    assert wrong == []


def test_what_has_one_form_does_not_vary() -> None:
    incoming = Incoming("GET", "/", "", {"accept-encoding": "gzip"}, b"", "127.0.0.1")
    answer = documents.answer(incoming, Document.of(b"{}"), "application/json", caching="no-cache")
    assert not {"Vary", "Content-Encoding"} & {name for name, _ in answer.headers}


# ---- as they are served -------------------------------------------------------------------------------------

SERVED = (
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-protected-resource/v1",
    "/openapi.json",
    "/static/css/app.css",
    "/static/js/app.js",
)


@pytest.fixture(scope="module", params=["on", "off"])
def http(request: pytest.FixtureRequest) -> Iterator[FlaskClient]:
    """A program, in front of each lane; what is sent does not depend on the database."""
    with standing("sqlite", lane=request.param) as server:
        yield server.app.test_client()


def test_documents_are_negotiated_in_both_lanes(http: FlaskClient) -> None:
    for path in SERVED:
        plain, packed, head = (
            http.open(path, method=method, headers={"Accept-Encoding": encoding})
            for method, encoding in (("GET", "identity"), ("GET", "gzip"), ("HEAD", "gzip"))
        )
        assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers, path
        assert gzip.decompress(packed.data) == plain.data, path
        assert "accept-encoding" in packed.headers["Vary"].lower() and "Accept-Encoding" in plain.headers["Vary"], path
        assert packed.headers["Content-Length"] == head.headers["Content-Length"] == str(len(packed.data)), path
        assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", packed.headers["ETag"]), path
        again = http.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), path
        assert again.headers["Vary"] == packed.headers["Vary"] and "Content-Type" not in again.headers, path


def test_a_static_file_is_kept_for_good_under_its_hash_alone(http: FlaskClient) -> None:
    page = http.get("/login", base_url="http://localhost:8000").text
    files = static_files.read(assets.assets() / "static")
    hashed = files["css/app.css"].hashed_name
    assert f'href="/static/{hashed}"' in page
    rows = [
        (hashed, 200, static_files.FOREVER),
        ("css/app.css", 200, "no-cache"),
        ("css/app.0123456789ab.css", 200, "no-cache"),  # from a page of the version before
        ("css/app.0123.css", 404, "no-store"),
        ("css/components/table.css", 404, "no-store"),
        ("css/nothing.css", 404, "no-store"),
        ("css/", 404, "no-store"),
        ("../pyproject.toml", 404, "no-store"),
    ]
    told = [
        (name, (answer := http.get("/static/" + name)).status_code, answer.headers["Cache-Control"])
        for name, *_ in rows
    ]
    assert told == rows


@pytest.mark.parametrize("path", ["", "css", "css/", "css/components/", "js/", "js", ".", "..", "../", "css/../"])
def test_no_folder_is_listed(http: FlaskClient, path: str) -> None:
    answer = http.get("/static/" + path, base_url="http://localhost:8000")
    assert answer.status_code == 404
    assert "app.css" not in answer.text.partition("<body")[2] and "Index of" not in answer.text


def test_what_is_text_says_its_charset() -> None:
    """`text/*` and what is XML inside (ASVS 4.1.1); JSON has one encoding by its standard."""
    for type in static_files.TYPES.values():
        if type.startswith("text/") or "xml" in type:
            assert type.endswith("; charset=utf-8"), type
    assert any("xml" in type for type in static_files.TYPES.values())


def test_every_file_that_a_page_or_a_script_names_is_there(http: FlaskClient) -> None:
    for name, file in static_files.read(assets.assets() / "static").items():
        answer = http.get("/static/" + file.hashed_name)
        assert answer.headers["Content-Type"] == file.content_type, name
        assert "nosniff" in answer.headers["X-Content-Type-Options"] and "Set-Cookie" not in answer.headers, name
