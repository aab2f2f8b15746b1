"""/v1/registration-tokens."""

from __future__ import annotations

import pytest

from authserver.domain.clients import registration_tokens
from tests.api.conftest import Caller, key_of
from tests.conftest import Person

PATH = "/v1/registration-tokens"


def test_a_token_is_made_shown_without_its_value_and_ended(call: Caller, ada: Person) -> None:
    key = key_of(ada)
    made = call("POST", PATH, key, {"uses": 2, "expires_in": 600}).data
    assert registration_tokens.is_good(made["token"])
    shown = call("GET", f"{PATH}/{made['id']}", key).data
    assert shown == {name: value for name, value in made.items() if name != "token"}
    assert call("GET", PATH, key).data == [shown]
    assert call("DELETE", f"{PATH}/{made['id']}", key).status == 204
    assert not registration_tokens.is_good(made["token"])


@pytest.mark.parametrize("body", [{"uses": 0}, {"uses": 10_001}, {"expires_in": 59}, {"expires_in": None}, {"x": 1}])
def test_what_is_out_of_bounds_is_refused(call: Caller, ada: Person, body: dict[str, object]) -> None:
    assert call("POST", PATH, key_of(ada), body).status == 422


def test_they_are_administrators_alone(call: Caller, alice: Person) -> None:
    assert call("POST", PATH, key_of(alice), {}).status == 403
    assert call("GET", PATH, key_of(alice)).status == 403
