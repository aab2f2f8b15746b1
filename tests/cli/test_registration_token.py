"""authserver registration-token: initial access tokens from the shell."""

from __future__ import annotations

import json

from authserver.domain.clients import registration_tokens
from tests.cli.conftest import Command


def test_a_token_is_made_listed_and_revoked(command: Command) -> None:
    code, out, err = command("registration-token", "create", "--uses", "3", "--expires-in", "12h", "--json")
    said = json.loads(out)
    assert (code, said["uses"], said["status"]) == (0, 3, "active")
    assert registration_tokens.is_good(said["token"])
    assert "this once" in err
    assert said["token"] not in command("registration-token", "list", "--json")[1]
    assert command("registration-token", "revoke", said["id"])[0] == 0
    assert not registration_tokens.is_good(said["token"])


def test_what_is_out_of_bounds_is_refused(command: Command) -> None:
    assert command("registration-token", "create", "--uses", "0")[0] == 1
    assert command("registration-token", "create", "--expires-in", "400d")[0] == 1
    assert command("registration-token", "revoke", "iat_none")[0] == 3
