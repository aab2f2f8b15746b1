"""/demo/v1/workflows: three levels at work, each owner's own."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.domain.demo import workflows as demo_workflows
from tests.api.conftest import Caller, client_token, key_of, token_of
from tests.conftest import Person
from tests.support import protocol

PATH = "/demo/v1/workflows"


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"demo": True}


# What each level may do, as a card of the demo tells it.
@pytest.mark.parametrize(
    ("level", "reads", "writes", "deletes"),
    [("read_only", 200, 403, 403), ("read_write", 200, 201, 403), ("full_access", 200, 201, 204)],
)
def test_each_level_can_what_its_name_says(
    call: Caller, alice: Person, level: str, reads: int, writes: int, deletes: int
) -> None:
    row, key = demo_workflows.create(alice.id, "Mine"), key_of(alice, level)
    assert call("GET", PATH, key).status == call("GET", f"{PATH}/{row.id}", key).status == reads
    assert call("GET", f"{PATH}/analytics", key).status == reads
    assert call("POST", PATH, key, {"name": "New"}).status == writes
    assert call("PATCH", f"{PATH}/{row.id}", key, {"active": False}).status == min(writes, 200) or writes
    assert call("DELETE", f"{PATH}/{row.id}", key).status == deletes


def test_a_refused_delete_says_what_it_needs(call: Caller, alice: Person) -> None:
    answer = call("DELETE", f"{PATH}/{demo_workflows.create(alice.id, 'Mine').id}", key_of(alice, "read_only"))
    assert answer.error == (403, "INSUFFICIENT_PERMISSIONS")
    assert 'scope="workflows:delete"' in answer.headers["WWW-Authenticate"]


def test_workflows_are_made_changed_and_deleted(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    made = call("POST", PATH, key, {"name": "Report"}).data
    assert call("PUT", f"{PATH}/{made['id']}", key, {"name": "Reports", "active": False}).data["name"] == "Reports"
    assert call("GET", f"{PATH}/analytics", key).data == {"workflows": 1, "active": 0, "runs": 0, "failures": 0}
    assert call("DELETE", f"{PATH}/{made['id']}", key).status == 204
    assert call("GET", f"{PATH}/{made['id']}", key).error == (404, "NOT_FOUND")


def test_nobody_reaches_somebody_elses(call: Caller, alice: Person, mallory: Person) -> None:
    row, key = demo_workflows.create(alice.id, "Hers"), key_of(mallory)
    assert call("GET", PATH, key).data == []
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        assert call(method, f"{PATH}/{row.id}", key, body).error == (404, "NOT_FOUND")


def test_a_token_for_the_demo_api_is_good_there_and_not_at_v1(call: Caller, alice: Person) -> None:
    identifier = protocol.add_resource("http://localhost:8000/demo/v1")
    app = protocol.register(resources=[identifier], scopes=["workflows:read"])
    token = protocol.tokens_for(alice.id, app, scopes=["workflows:read"], resources=[identifier])["access_token"]
    assert call("GET", PATH, token).status == 200
    assert call("GET", "/v1/me", token).error == (401, "INVALID_TOKEN")


def test_tokens_are_judged_by_scope_and_clients_have_their_own(call: Caller, alice: Person) -> None:
    demo_workflows.create(alice.id, "Hers")
    assert call("GET", PATH, token_of(alice, "workflows:read")).json["pagination"]["total"] == 1
    assert call("POST", PATH, token_of(alice, "workflows:read"), {"name": "x"}).error == (403, "SCOPE_INSUFFICIENT")
    assert call("GET", PATH, client_token(alice, "workflows:read")).data == []


def test_samples_are_put_there_once(call: Caller, alice: Person) -> None:
    demo_workflows.seed(alice.id)
    demo_workflows.seed(alice.id)
    assert call("GET", PATH, key_of(alice)).json["pagination"]["total"] == 3
