"""Texts that people read hold nothing that they do not see: each maker of one refuses what turns or steers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authserver.domain.access import resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.people import standard_claims, users
from authserver.domain.webhooks import endpoints, wishes
from authserver.errors import Invalid
from tests.conftest import Person

DECEIVING = ("gpj.\u202eexe", "a\x1b[2Jb", "a\x9b31mb", "a\u2066b", "a\u200bb", "a\x00b")
WEB: dict[str, Any] = {"kind": "web", "redirect_uris": ("https://app.example.test/cb",)}
HOOK = "https://hooks.example.test/in"


def address(text: str) -> str:
    return f"x{sum(map(ord, text))}@example.test"


MAKERS: dict[str, Callable[[Person, str], object]] = {
    "a person's name": lambda alice, text: users.create(address(text), text),
    "a person's given name": lambda alice, text: users.create(address(text), "X", given_name=text),
    "a person's nickname": lambda alice, text: standard_claims.change(alice.id, {"nickname": text}),
    "a person's street": lambda alice, text: standard_claims.change(alice.id, {"address": {"street_address": text}}),
    "an app's name": lambda alice, text: clients.register(alice.user, Registration(name=text, **WEB)),
    "an app's description": lambda alice, text: clients.register(
        alice.user, Registration(name="App", description=text, **WEB)
    ),
    "a key's name": lambda alice, text: api_keys.create(alice.user, api_keys.Wish(text, "read_only")),
    "a key's note": lambda alice, text: api_keys.create(alice.user, api_keys.Wish("Key", "read_only", note=text)),
    "a webhook's name": lambda alice, text: endpoints.create(alice.user, wishes.Wish(text, HOOK)),
    "a webhook's header": lambda alice, text: endpoints.create(
        alice.user, wishes.Wish("Hook", HOOK, headers={"X-Team": text})
    ),
    "a scope's title": lambda alice, text: scopes.create(ScopeFacts("orders:read", text)),
    "what a scope cannot": lambda alice, text: scopes.create(ScopeFacts("orders:read", "See orders", cannot=text)),
    "an API's name": lambda alice, text: resources.create("https://api.example.test", text),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_a_text_that_deceives_is_refused(app: Flask, alice: Person, maker: str) -> None:
    MAKERS[maker](alice, "Plain words")
    for text in DECEIVING:
        with pytest.raises(Invalid):
            MAKERS[maker](alice, text)
            pytest.fail(f"{text!r} was taken")
