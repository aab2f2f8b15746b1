"""E-mail addresses (class C28, line 1.3.11)."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import emails
from tests.support.tables import rows


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("alice@demo.test", "alice@demo.test"),
        ("  Alice@Demo.Test ", "alice@demo.test"),
        ("alice+tag@demo.test", "alice+tag@demo.test"),
        ("root@localhost", "root@localhost"),
        ("\uff41lice@demo.test", "alice@demo.test"),
        ("alice\uff20demo.test", "alice@demo.test"),
        ("alice@b\u00fccher.example", "alice@xn--bcher-kva.example"),
        ("alice@bu\u0308cher.example", "alice@xn--bcher-kva.example"),
        ("J\u00d6RG@demo.test", "j\u00f6rg@demo.test"),
        ("stra\u00dfe@fa\u00df.example", "stra\u00dfe@xn--fa-hia.example"),  # ß is no ss
        ("strasse@fass.example", "strasse@fass.example"),
        ("a@\u03b2\u03cc\u03bb\u03bf\u03c2.example", "a@xn--nxasmm1c.example"),  # ς is no σ
        ("a@XN--FA-HIA.example", "a@xn--fa-hia.example"),
    ],
)
def test_an_address_has_one_form(text: str, canonical: str) -> None:
    assert emails.normalise(text) == canonical


@rows(
    "text",
    [
        "",
        " ",
        "alice",
        "@",
        "@demo.test",
        "alice@",
        "a@b@c",
        "alice@demo.test\n",
        "alice@demo.test\r\nBcc: x@y.z",
        "al ice@demo.test",
        "alice@demo .test",
        "alice\0@demo.test",
        "al\u00adice@demo.test",
        "al\u200bice@demo.test",
        "alice\u00a0@demo.test",
        "\u3000alice@demo.test",
        "alice\u2028@demo.test",
        "\u202ealice@demo.test",
        "alice\ud800@demo.test",
        "alice@-demo.test",
        "alice@demo..test",
        "alice@.test",
        "alice@demo.test.",
        "alice@[127.0.0.1]",
        "alice@demo_x.test",
        ".alice@demo.test",
        "al..ice@demo.test",
        '"a b"@demo.test',
        "Alice <alice@demo.test>",
        "a,b@demo.test",
        "a" * 65 + "@demo.test",
        "a@" + "b" * 64 + ".test",
        "a@" + "b." * 130 + "test",
        "x" * 1_000_000,
    ],
)
def test_what_is_not_one_plain_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        emails.normalise(text)


@pytest.mark.parametrize(
    ("text", "kept", "envelope"),
    [
        ("  Alice.Martin@Demo.Test ", "Alice.Martin@Demo.Test", "Alice.Martin@demo.test"),
        ("Stra\u00dfe@Fa\u00df.example", "Stra\u00dfe@Fa\u00df.example", "Stra\u00dfe@xn--fa-hia.example"),
        ("alice\uff20demo.test", "alice@demo.test", "alice@demo.test"),
    ],
)
def test_it_is_kept_as_given_and_can_be_delivered(text: str, kept: str, envelope: str) -> None:
    assert emails.as_given(text) == kept
    assert emails.deliverable(kept) == envelope
    assert emails.normalise(kept) == emails.normalise(text)


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        once = emails.normalise(f"{text}@demo.test")
    except ValueError:
        return
    assert emails.normalise(once) == once


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(ValueError):
        emails.normalise(text)


@pytest.mark.parametrize("text", ["a" * 100_000, "a@" * 50_000, "a@" + "." * 100_000, "\u0390" * 1000 + "@x.y"])
def test_a_huge_text_is_refused_quickly(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"\.$"):
        emails.normalise(text)
    assert time.perf_counter() - start < 0.05
