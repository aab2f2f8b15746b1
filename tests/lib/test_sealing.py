"""Secrets at rest: authenticated, bound to their place, with one and the same failure (11.2.5, 11.3.x)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import sealing
from tests.support.tables import rows

KEY = sealing.derive(b"a master key", "test")
OLD = sealing.derive(b"an older master key", "test")


@given(st.binary(max_size=200), st.text(max_size=30).filter(lambda t: t.isascii()))
def test_what_is_sealed_opens_with_the_same_key_and_place(plaintext: bytes, aad: str) -> None:
    assert sealing.open_sealed([KEY], sealing.seal(KEY, plaintext, aad), aad) == plaintext


def test_an_older_key_still_opens_what_it_sealed() -> None:
    assert sealing.open_sealed([KEY, OLD], sealing.seal(OLD, b"seed", "t"), "t") == b"seed"


BLOB = sealing.seal(KEY, b"private key", "signing_keys.private.k1")


@rows("position", range(len(BLOB)))
def test_one_flipped_bit_anywhere_breaks_the_seal(position: int) -> None:
    broken = bytearray(BLOB)
    broken[position] ^= 1
    with pytest.raises(sealing.SealBroken) as error:
        sealing.open_sealed([KEY], bytes(broken), "signing_keys.private.k1")
    assert str(error.value) == "sealed value can't be opened"


@pytest.mark.parametrize(
    ("keys", "blob", "aad"),
    [
        ([KEY], BLOB, "signing_keys.private.k2"),
        ([OLD], BLOB, "signing_keys.private.k1"),
        ([], BLOB, "signing_keys.private.k1"),
        ([KEY], b"", "signing_keys.private.k1"),
        ([KEY], BLOB[:17], "signing_keys.private.k1"),
        ([KEY], BLOB[:10], "signing_keys.private.k1"),
        ([KEY], BLOB + b"x", "signing_keys.private.k1"),
    ],
)
def test_every_other_cause_gives_the_same_error(keys: list[bytes], blob: bytes, aad: str) -> None:
    with pytest.raises(sealing.SealBroken) as error:
        sealing.open_sealed(keys, blob, aad)
    assert str(error.value) == "sealed value can't be opened"


def test_the_same_value_never_looks_the_same_twice() -> None:
    assert len({sealing.seal(KEY, b"x", "t") for _ in range(2000)}) == 2000


def test_each_label_has_its_own_key() -> None:
    assert len({sealing.derive(b"master", label) for label in ("csrf", "session", "cursor")}) == 3
    assert len(sealing.derive(b"master", "csrf", 64)) == 64


def test_a_key_of_another_size_seals_nothing() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sealing.seal(b"short", b"x", "t")


@pytest.mark.parametrize("refused", [lambda: sealing.derive(b"", "x"), lambda: sealing.sign(b"", b"m")])
def test_an_empty_key_is_refused(refused) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="empty"):
        refused()


def test_an_empty_key_among_the_fallbacks_never_verifies() -> None:
    import hashlib
    import hmac

    assert not sealing.verify([b""], b"m", hmac.new(b"", b"m", hashlib.sha256).digest())


def test_a_signature_verifies_with_any_of_the_keys_and_no_other_message() -> None:
    tag = sealing.sign(OLD, b"message")
    assert sealing.verify([KEY, OLD], b"message", tag)
    assert not sealing.verify([KEY], b"message", tag)
    assert not sealing.verify([OLD], b"massage", tag)
    assert not sealing.verify([OLD], b"message", tag[:-1])
    assert not sealing.verify([OLD], b"message", b"")


def test_only_the_presented_token_opens_what_was_sealed_with_it() -> None:
    blob = sealing.seal_with_token("kaie_rt_predecessor", "kaie_rt_successor")
    assert b"successor" not in blob
    assert sealing.open_with_token("kaie_rt_predecessor", blob) == "kaie_rt_successor"
    assert sealing.open_with_token("kaie_rt_mallory", blob) is None


@given(st.binary(max_size=80), st.text(alphabet=st.characters(codec=None), max_size=20))
def test_garbage_opens_to_nothing(blob: bytes, token: str) -> None:
    assert sealing.open_with_token(token, blob) is None
