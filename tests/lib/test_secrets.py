"""Credentials: form, checksum, comparison, redaction (contract.md 11.15; traps T5; class C10)."""

import base64
import os
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import secrets
from tests.support.tables import rows

slugs = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)
kinds = st.sampled_from(secrets.KINDS)


@given(slugs, kinds)
def test_what_is_generated_is_recognised_whatever_the_brand(slug: str, kind: str) -> None:
    value = secrets.generate(slug, kind)
    assert secrets.kind_of(value) == kind
    assert secrets.looks_like(value, kind)


def test_the_checksum_is_the_crc32_of_everything_before_it_in_base62() -> None:
    value = secrets.generate("kaie", "ak")
    number = 0
    for digit in value[-6:]:
        number = number * 62 + secrets.ALPHABET.index(digit)
    assert number == zlib.crc32(value[:-6].encode())


def test_a_small_checksum_is_padded_with_zeros() -> None:
    value = next(v for v in (secrets.generate("kaie", "ak") for _ in range(5000)) if v[-6] == "0")
    assert secrets.kind_of(value) == "ak"


@given(st.data(), kinds)
def test_one_changed_character_is_never_recognised(data: st.DataObject, kind: str) -> None:
    value = secrets.generate("kaie", kind)
    position = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters().filter(lambda c: c != value[position]))
    assert secrets.kind_of(value[:position] + other + value[position + 1 :]) is None


KEY = secrets.generate("kaie", "ak")


@pytest.mark.parametrize(
    "mangled",
    [
        "",
        KEY[:-1],
        KEY + "0",
        KEY + "\n",
        "\n" + KEY,
        " " + KEY,
        KEY.upper(),
        KEY.swapcase(),
        KEY.replace("_ak_", "_rt_"),
        KEY.replace("_ak_", "_xx_"),
        KEY.replace("_", "-"),
        "x" + KEY,
        "_ak_" + KEY.partition("_ak_")[2],
        KEY + "\0",
        "kaie_ak_" + "٣" * 36,
        "\ud800" + KEY,
    ],
)
def test_a_mangled_credential_is_as_unknown_as_garbage(mangled: str) -> None:
    assert secrets.kind_of(mangled) is None


@given(st.text())
def test_no_text_makes_recognition_raise(text: str) -> None:
    assert secrets.kind_of(text) is None
    assert secrets.hint(text)
    for kind in secrets.KINDS:
        secrets.looks_like(text, kind)


def test_a_malformed_api_key_still_looks_like_one() -> None:
    assert secrets.looks_like("kaie_ak_oops", "ak")
    assert not secrets.looks_like("kaie_at_oops", "ak")
    assert not secrets.looks_like("Bearer kaie_ak_oops", "ak")


@pytest.mark.parametrize(
    ("slug", "kind"), [("", "ak"), ("Kaie", "ak"), ("a_b", "ak"), ("kaie", "xx"), ("kaie\n", "ak")]
)
def test_a_bad_slug_or_kind_is_refused(slug: str, kind: str) -> None:
    with pytest.raises(ValueError, match="slug"):
        secrets.generate(slug, kind)


def test_ten_thousand_credentials_are_all_different() -> None:
    assert len({secrets.generate("kaie", "at") for _ in range(10_000)}) == 10_000


def test_a_token_has_256_bits_and_comes_once() -> None:
    """Sessions, links, authorization requests and the marks of browsers are such tokens."""
    drawn = {secrets.random_token() for _ in range(10_000)}
    assert len(drawn) == 10_000
    assert {len(base64.urlsafe_b64decode(token + "=")) for token in drawn} == {32}


def test_identifiers_come_once_also_from_a_forked_process() -> None:
    assert len({secrets.random_id("req") for _ in range(10_000)}) == 10_000
    reading, writing = os.pipe()
    secrets.random_id("req")  # some more lie ready now
    if (child := os.fork()) == 0:
        os.write(writing, " ".join(secrets.random_id("req") for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 10_000).decode().split()
    assert len(theirs) == 50
    assert set(theirs).isdisjoint({secrets.random_id("req") for _ in range(50)})


def test_every_base62_digit_is_equally_likely() -> None:
    digits = "".join(secrets.random_id("") for _ in range(6200))
    expected = len(digits) / 62
    assert all(abs(digits.count(digit) - expected) < 0.15 * expected for digit in secrets.ALPHABET)


@given(st.text(alphabet=st.characters(codec=None)), st.text(alphabet=st.characters(codec=None)))
def test_comparison_takes_any_text_and_tells_right(a: str, b: str) -> None:
    assert secrets.equal(a, b) is (a == b)
    assert secrets.equal(a, a)
    assert (secrets.digest(a) == secrets.digest(b)) is (a == b)


def test_bytes_and_text_compare_by_their_bytes() -> None:
    assert secrets.equal("é", "é".encode())
    assert not secrets.equal("\ud800", b"")


def test_a_hint_shows_the_kind_and_the_last_four() -> None:
    assert secrets.hint(KEY) == "kaie_ak_…" + KEY[-4:]
    assert secrets.hint("hunter2 hunter2") == "…"


SECRET = "sEcReT0123456789abcdefSECRET"


@rows(
    ("text", "gone"),
    [
        (KEY, KEY[8:]),
        (f"x={KEY}&y", KEY[8:]),
        (f"TOKEN{KEY[:-5]}", KEY[8:-5]),
        *[(secrets.generate("acme", kind), "") for kind in secrets.KINDS],
        (f"whsec_{SECRET}+/=", SECRET),
        (f"eyJhbGciOiJFUzI1NiJ9.eyJ{SECRET}.{SECRET}", SECRET),
        (f"got eyJhbGciOiJFUzI1NiJ9.{SECRET}", SECRET),
        (f"Authorization: Bearer {SECRET}", SECRET),
        (f"authorization: bearer  {SECRET}", SECRET),
        (f"DPoP {SECRET}", SECRET),
        ("Authorization: Basic YTpi", "YTpi"),
        (f"password={SECRET}&x=1", SECRET),
        (f'{{"client_secret": "{SECRET}"}}', SECRET),
        (f"code_verifier={SECRET}", SECRET),
        (f"GET /welcome/{SECRET} 200", SECRET),
        (f"GET /password/reset/{SECRET}?x", SECRET),
        (f"/this-was-not-me/{SECRET}", SECRET),
        (f"/verify/{SECRET}", SECRET),
        (f"postgresql+psycopg://app:{SECRET}@db/auth", SECRET),
    ],
)
def test_a_credential_in_a_line_of_text_is_redacted(text: str, gone: str) -> None:
    redacted = secrets.redact(text)
    assert "[redacted]" in redacted
    assert "[redacted]" in secrets.redact(f"İ {text} ﬃ")  # the quick look at folded text misses none
    assert redacted != text
    assert not gone or gone not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "token_created_at_midnight",
        'WWW-Authenticate: Bearer realm="api", error="invalid_token"',
        "Basic authentication failed",
        "GET /oauth/token 200 in 3 ms",
        "http://localhost:8000/cb",
        "kaie_ak_…3f9c",
    ],
)
def test_a_harmless_line_stays_as_it_is(text: str) -> None:
    assert secrets.redact(text) == text


@pytest.mark.parametrize(
    "unit",
    ["a", "_ak_", "eyJ", "eyJa.", "://", "://a:", "bearer ", "basic", "password=", "whsec_", "/welcome/", "a_ak_a"],
)
def test_redaction_of_a_hostile_line_is_quick(unit: str) -> None:
    line = unit * (200_000 // len(unit))
    start = time.perf_counter()
    secrets.redact(line)
    assert time.perf_counter() - start < 1.0
