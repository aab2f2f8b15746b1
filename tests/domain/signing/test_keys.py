"""Signing keys: made once, published before use, retired without harm, removed at once when leaked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import time_machine
from flask import Flask

from authserver import config, database
from authserver.domain.ground import cache
from authserver.domain.running import schema
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import inspection
from authserver.errors import BadSettings, Conflict, NotFound
from authserver.lib import clock, jwk
from authserver.models import AuditEvent, SigningKey
from tests.support import databases, protocol
from tests.support.protocol import client_credentials
from tests.support.races import in_parallel

pytestmark = pytest.mark.usefixtures("app")
LATER = signing_keys.PUBLISH_AHEAD + 1


def published() -> set[str]:
    return {key["kid"] for key in json.loads(signing_keys.jwks().body)["keys"]}


def stored() -> list[SigningKey]:
    with database.reading() as session:
        return session.query(SigningKey).all()


def test_there_is_one_key_of_each_algorithm_from_the_start() -> None:
    assert sorted(key.alg for key in stored()) == ["ES256", "RS256"]
    for alg in signing_keys.ALGS:
        assert signing_keys.signer(alg).alg == alg


def test_kids_are_thumbprints_and_say_nothing_else() -> None:
    for key in stored():
        assert len(key.kid) == 43
        assert key.public_jwk["kid"] == key.kid


def test_no_kid_begins_as_an_option_of_a_command_does(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbprint, drawn = jwk.thumbprint, iter(["-B4_taken_for_an_option", "-"])
    monkeypatch.setattr(jwk, "thumbprint", lambda public: next(drawn, None) or thumbprint(public))
    (made,) = signing_keys.rotate(["ES256"])
    assert not made.kid.startswith("-")


def test_ensuring_again_makes_no_further_key() -> None:
    before = published()
    signing_keys.ensure()
    assert published() == before


def test_many_first_starts_at_once_make_one_set() -> None:
    with database.transaction() as session:
        session.query(SigningKey).delete()
        cache.touch(session, "signing_keys")
    in_parallel(6, signing_keys.ensure, threads=6)
    assert sorted(key.alg for key in stored()) == ["ES256", "RS256"]


def test_private_keys_are_sealed() -> None:
    for key in stored():
        assert b"PRIVATE" not in key.private_sealed
        assert "d" not in key.public_jwk
    assert "PRIVATE" not in repr(signing_keys.signer())


def test_a_new_key_is_published_before_it_signs() -> None:
    old = signing_keys.signer()
    (made,) = signing_keys.rotate(["ES256"])
    assert {old.kid, made.kid} <= published()
    assert signing_keys.signer().kid == old.kid
    with time_machine.travel(clock.now() + LATER):
        assert signing_keys.signer().kid == made.kid
        assert {old.kid, made.kid} <= published()


def test_tokens_of_a_retired_key_stay_good_until_they_expire() -> None:
    app, auditor = protocol.register(), protocol.register(introspect_all=True)
    signing_keys.rotate(["ES256"])
    token = client_credentials(app).json["access_token"]
    with time_machine.travel(clock.now() + LATER):
        assert protocol.introspect(auditor, token).json["active"]


def test_a_key_is_removed_only_after_its_last_token_has_expired() -> None:
    old = signing_keys.signer()
    signing_keys.rotate(["ES256"])
    with time_machine.travel(clock.now() + LATER + 86_400):
        assert signing_keys.remove_expired() == 0
        assert old.kid in published()
    with time_machine.travel(clock.now() + LATER + signing_keys.KEEP_RETIRED):
        assert signing_keys.remove_expired() == 1
        cache.forget()
        assert old.kid not in published()


def test_the_private_half_of_a_removed_key_is_destroyed() -> None:
    old = signing_keys.signer()
    signing_keys.rotate(["ES256"])
    with time_machine.travel(clock.now() + LATER + signing_keys.KEEP_RETIRED):
        signing_keys.remove_expired()
    assert {key.kid: bool(key.private_sealed) for key in stored()}[old.kid] is False
    (leaked,) = (key for key in stored() if key.alg == "RS256")
    signing_keys.retire(leaked.kid, at_once=True)
    assert {key.kid: bool(key.private_sealed) for key in stored()}[leaked.kid] is False
    assert signing_keys.rewrap() == 2


def test_a_removed_key_that_a_backup_brought_back_is_destroyed_again() -> None:
    with database.transaction() as session:
        session.query(SigningKey).where(SigningKey.alg == "RS256").update({"removed_at": clock.now()})
    signing_keys.remove_expired()
    assert {key.alg: bool(key.private_sealed) for key in stored()} == {"ES256": True, "RS256": False}


def test_keys_rotate_when_they_are_ninety_days_old() -> None:
    assert signing_keys.rotate_if_due() == []
    with time_machine.travel(clock.now() + 91 * 86_400):
        assert {key.alg for key in signing_keys.rotate_if_due()} == {"ES256", "RS256"}
        cache.forget()
        assert signing_keys.rotate_if_due() == []


def test_a_leaked_key_is_gone_at_once_and_replaced() -> None:
    app, auditor = protocol.register(), protocol.register(introspect_all=True)
    old = signing_keys.signer()
    token = client_credentials(app).json["access_token"]
    signing_keys.retire(old.kid, at_once=True)
    assert old.kid not in published()
    assert not protocol.introspect(auditor, token).json["active"]
    assert signing_keys.signer().kid != old.kid
    assert protocol.introspect(auditor, client_credentials(app).json["access_token"]).json["active"]


def test_the_last_key_cannot_be_retired_without_a_successor() -> None:
    with pytest.raises(Conflict):
        signing_keys.retire(signing_keys.signer().kid)
    (made,) = signing_keys.rotate(["ES256"])
    old = signing_keys.signer()
    with time_machine.travel(clock.now() + LATER):
        cache.forget()
        signing_keys.retire(old.kid)
        assert signing_keys.signer().kid == made.kid


def test_an_unknown_key_cannot_be_retired() -> None:
    with pytest.raises(NotFound):
        signing_keys.retire("nonsense")


def test_states_follow_the_clock() -> None:
    (made,) = signing_keys.rotate(["ES256"])
    states = {key.kid: signing_keys.state(key) for key in signing_keys.every()}
    assert states[made.kid] == "pending"
    with time_machine.travel(clock.now() + LATER):
        states = {key.kid: signing_keys.state(key) for key in signing_keys.every()}
    assert sorted(states.values()) == ["active", "active", "retired"]


def test_a_flipped_bit_in_a_sealed_key_stops_the_start_with_one_clear_line() -> None:
    with database.transaction() as session:
        key = session.query(SigningKey).filter_by(alg="ES256").one()
        key.private_sealed = key.private_sealed[:-1] + bytes([key.private_sealed[-1] ^ 1])
        cache.touch(session, "signing_keys")
    with pytest.raises(BadSettings, match="cannot be opened"):
        schema.ensure()


def test_a_row_moved_to_another_kid_cannot_be_opened() -> None:
    with database.transaction() as session:
        session.query(SigningKey).filter_by(alg="ES256").one().kid = "another"
        cache.touch(session, "signing_keys")
    with pytest.raises(BadSettings):
        schema.ensure()


def test_another_sealing_key_stops_the_start(settings: config.Settings) -> None:
    import dataclasses

    signing_keys._parsed.clear()
    with config.using(dataclasses.replace(settings, secret_key="another secret key of thirty-two characters")):
        cache.reset()
        with pytest.raises(BadSettings):
            schema.ensure()


def test_rewrapping_moves_every_key_to_a_new_sealing_key(settings: config.Settings) -> None:
    import dataclasses

    moved = dataclasses.replace(settings, kek="a sealing key of at least thirty-two characters")
    with config.using(moved):
        assert signing_keys.rewrap() == 2
    alone = dataclasses.replace(moved, secret_key="another secret key of thirty-two characters")
    signing_keys._parsed.clear()
    with config.using(alone):
        cache.reset()
        assert signing_keys.signer().alg == "ES256"


def test_every_rotation_is_on_record() -> None:
    (made,) = signing_keys.rotate(["ES256"])
    with database.reading() as session:
        (event,) = session.query(AuditEvent).filter_by(type="signing_key.rotated")
    assert event.data == {"kids": [made.kid]}


def test_a_chosen_algorithm_is_offered_once_it_has_a_key() -> None:
    assert signing_keys.algs() == ("RS256", "ES256")
    signing_keys.rotate(["EdDSA"])
    assert signing_keys.algs() == ("RS256", "ES256")
    with time_machine.travel(clock.now() + LATER):
        assert "EdDSA" in signing_keys.algs()
        assert signing_keys.signer("EdDSA").alg == "EdDSA"


def test_verification_costs_no_statement_when_warm(app: Flask, tmp_path: Path) -> None:
    token = client_credentials(protocol.register()).json["access_token"]
    with databases.counted_statements() as sent:
        assert inspection.verified(token) is not None
    assert sent == []


def test_of_two_nodes_that_find_a_key_due_one_rotates_it() -> None:
    with time_machine.travel(clock.now() + signing_keys.ROTATE_AFTER + 3600, tick=False):
        cache.reset()
        made = in_parallel(2, signing_keys.rotate_if_due)
    assert sorted(len(each) for each in made) == [0, 2]
