"""Idempotency-Key: the same answer again, and one creation (contract 11.34)."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import select, update

from authserver import config, database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.ground import idempotency
from authserver.lib import clock
from authserver.models import IdempotencyKey
from authserver.observability import context
from tests.api.conftest import Answer, Caller, key_of
from tests.conftest import Person

WISH = {"name": "CI", "permission": "read_only"}


def make(call: Caller, credential: str, key: str = "order-7", body: object = None) -> Answer:
    return call("POST", "/v1/api-keys", credential, WISH if body is None else body, Idempotency_Key=key)


def made_by(person: Person) -> int:
    return sum(row.name == "CI" for row in api_keys.page(person.id, limit=100)[0])


def test_a_repeated_creation_gets_the_first_answer_and_makes_nothing(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    first, second = make(call, key), make(call, key)
    assert (first.status, second.status) == (201, 201)
    assert first.data == second.data and first.data["key"]
    assert first.headers["Location"] == second.headers["Location"] == f"/v1/api-keys/{first.data['id']}"
    assert first.headers["Content-Type"] == second.headers["Content-Type"]
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert made_by(alice) == 1


def test_another_key_makes_another(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    assert make(call, key, "a").data["id"] != make(call, key, "b").data["id"]


def test_the_same_key_of_somebody_else_is_another(call: Caller, alice: Person, mallory: Person) -> None:
    hers = make(call, key_of(alice)).data
    his = make(call, key_of(mallory)).data
    assert hers["id"] != his["id"] and his["owner_id"] == mallory.id


def test_with_another_body_it_is_refused(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    make(call, key)
    assert make(call, key, body={**WISH, "name": "Other"}).error == (422, "VALIDATION_FAILED")


def test_after_ten_minutes_the_answer_is_gone(call: Caller, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    key, now = key_of(alice), clock.now()
    make(call, key)
    monkeypatch.setattr(clock, "now", lambda: now + 601)
    assert make(call, key).error == (409, "CONFLICT")
    assert made_by(alice) == 1


def test_after_ten_minutes_the_sealed_answer_is_deleted(
    call: Caller, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(call, key_of(alice))
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 601)
    idempotency.forget_answers()
    with database.reading() as session:
        assert session.scalars(select(IdempotencyKey.answer_sealed)).all() == [None]


def test_a_refused_creation_gives_the_key_back(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    assert make(call, key, body={**WISH, "rate_limit": "lots"}).status == 422
    assert make(call, key).status == 201


def test_a_request_that_was_cut_off_is_not_done_again(call: Caller, alice: Person) -> None:
    key = key_of(alice)
    make(call, key)
    with database.transaction() as session:
        session.execute(update(IdempotencyKey).values(status=None, answer_sealed=None))
    assert make(call, key).error == (409, "CONFLICT")


def test_the_database_alone_cannot_read_the_answer(call: Caller, alice: Person) -> None:
    made = make(call, key_of(alice)).data
    with database.reading() as session:
        row = session.scalars(select(IdempotencyKey)).one()
    assert made["key"].encode() not in bytes(row.answer_sealed or b"")


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "ü"])
def test_a_malformed_key_is_refused(call: Caller, alice: Person, key: str) -> None:
    assert make(call, key_of(alice), key).error == (400, "INVALID_REQUEST")
    assert made_by(alice) == 0


def test_of_many_requests_at_once_one_creates(app: Flask, call: Caller, alice: Person) -> None:
    key, settings = key_of(alice), config.current()
    answers: list[Answer] = []
    barrier = threading.Barrier(6)

    def race() -> None:
        with config.using(settings), context.using(context.Context()):
            barrier.wait()
            answers.append(make(call, key))

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made_by(alice) == 1
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.data["id"] for answer in answers if answer.status == 201}) == 1
