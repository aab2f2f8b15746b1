"""Signatures of webhooks (contract 8, 11.33)."""

import base64
import hashlib
import hmac

import pytest
from standardwebhooks import Webhook

from authserver.lib import clock, webhook_signatures

BODY = '{"name":"Ünïcode"}'.encode()


def secret_of(count: int) -> str:
    return "whsec_" + base64.b64encode(b"k" * count).decode()


def test_a_new_secret_is_unlike_any_other_and_well_formed() -> None:
    made = {webhook_signatures.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(webhook_signatures.is_secret(each) for each in made)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (secret_of(24), True),
        (secret_of(64), True),
        (secret_of(23), False),
        (secret_of(65), False),
        ("", False),
        ("whsec_", False),
        (secret_of(32).removeprefix("whsec_"), False),
        (secret_of(32).rstrip("="), False),
        (secret_of(32) + "\n", False),
        ("whsec_whsec_" + secret_of(32)[6:], False),
        ("WHSEC_" + secret_of(32)[6:], False),
        ("whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(), False),
        ("whsec_" + "é" * 44, False),
    ],
)
def test_a_given_secret_has_one_spelling(text: str, good: bool) -> None:
    assert webhook_signatures.is_secret(text) is good


def test_our_header_is_keyed_with_the_whole_secret_string() -> None:
    secret = secret_of(32)
    expected = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    assert webhook_signatures.sign(secret, BODY) == f"sha256={expected}"


def test_the_trio_satisfies_the_standards_own_library() -> None:
    secret = secret_of(32)
    headers = webhook_signatures.headers("X-Kaie-Signature", [secret], "evt_1", clock.now(), BODY)
    assert Webhook(secret).verify(BODY, headers) == {"name": "Ünïcode"}


def test_during_a_roll_the_trio_satisfies_both_and_ours_the_old_one() -> None:
    old, new = secret_of(32), secret_of(33)
    headers = webhook_signatures.headers("X-Kaie-Signature", [old, new], "evt_1", clock.now(), BODY)
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
    assert headers["X-Kaie-Signature"] == webhook_signatures.sign(old, BODY)


@pytest.mark.parametrize(("slug", "name"), [("kaie", "X-Kaie-Signature"), ("acmeid", "X-Acmeid-Signature")])
def test_the_brand_names_the_header(slug: str, name: str) -> None:
    assert webhook_signatures.header_name(slug) == name


@pytest.mark.parametrize("wrong", ["", "sha256=", "sha256=" + "0" * 64, "sha1=abc", "é", "\ud800"])
def test_what_is_not_ours_does_not_verify(wrong: str) -> None:
    assert not webhook_signatures.verify([secret_of(32)], BODY, wrong)


def test_either_valid_secret_verifies() -> None:
    old, new = secret_of(32), secret_of(33)
    for secret in (old, new):
        assert webhook_signatures.verify([old, new], BODY, webhook_signatures.sign(secret, BODY))
