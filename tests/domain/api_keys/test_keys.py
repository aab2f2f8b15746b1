"""API keys: who may have which, what they are good for, and when they stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.api_keys.keys import Wish
from authserver.domain.api_keys.wishes import Maker
from authserver.domain.ground import usage
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.errors import Conflict, Invalid, NotFound
from authserver.lib import clock, secrets
from tests.conftest import Person

READ = ("workflows:read", "analytics:read")
WRITE = (*READ, "workflows:write", "triggers:write", "integrations:write")
IP = "10.0.0.7"


def make(person: Person, permission: str = "read_only", **more: Any) -> tuple[api_keys.ApiKey, str]:
    return api_keys.create(person.user, Wish(more.pop("name", "CI"), permission, **more))


def maker(*scopes: str, **bounds: Any) -> Maker:
    return Maker(frozenset(scopes), bounds.pop("rate_limit", "1000/hour"), **bounds)


def test_a_key_has_the_form_of_the_contract_and_is_stored_as_a_digest(app: Flask, alice: Person) -> None:
    key, value = make(alice)
    assert secrets.kind_of(value) == "ak"
    assert value.startswith("kaie_ak_")
    assert len(value) == len("kaie_ak_") + 36
    assert key.digest == secrets.digest(value)
    assert key.hint == f"kaie_ak_…{value[-4:]}"


def test_the_default_life_is_90_days(app: Flask, alice: Person) -> None:
    assert make(alice)[0].expires_at == pytest.approx(clock.now() + 90 * 86_400, abs=5)


def test_checking_a_key_is_one_statement(app: Flask, alice: Person, statements: Callable[[], Any]) -> None:
    _, value = make(alice)
    api_keys.check(value, IP)
    with statements() as sent:
        assert api_keys.check(value, IP) is not None
    assert len(sent) == 1


@pytest.mark.parametrize("presented", ["", "x", "kaie_ak_", "kaie_ak_" + "a" * 36, "kaie_cs_" + "a" * 36, "é" * 50])
def test_a_typo_never_reaches_the_database(app: Flask, presented: str, statements: Callable[[], Any]) -> None:
    with statements() as sent:
        assert api_keys.check(presented, IP) is None
    assert sent == []


def test_a_well_formed_key_that_nobody_has_is_none(app: Flask) -> None:
    assert api_keys.check(secrets.generate("kaie", "ak"), IP) is None


@pytest.mark.parametrize(
    ("role", "permission", "scopes"),
    [
        ("user", "read_only", READ), ("user", "read_write", WRITE),
        ("user", "full_access", (*WRITE, "workflows:delete", "keys:manage", "settings:manage")),
        ("admin", "full_access", (*WRITE, "workflows:delete", "keys:manage", "settings:manage", "admin")),
    ],
)  # fmt: skip
def test_a_key_holds_its_level_as_far_as_its_owner_does(
    app: Flask, alice: Person, ada: Person, role: str, permission: str, scopes: tuple[str, ...]
) -> None:
    _, value = make(ada if role == "admin" else alice, permission)
    found = api_keys.check(value, IP)
    assert found is not None
    assert set(found.scopes) == set(scopes)


def test_admin_ends_with_the_owners_role(app: Flask, ada: Person) -> None:
    _, value = make(ada, "full_access")
    users.create("second@example.test", "Second Admin", "admin", "a walk along the river bank")
    users.set_role(ada.id, "user")
    found = api_keys.check(value, IP)
    assert found is not None
    assert "admin" not in found.scopes


def test_a_changed_level_changes_the_keys_that_were_handed_out(app: Flask, alice: Person) -> None:
    _, value = make(alice)
    permissions.change("read_only", ["workflows:read"])
    found = api_keys.check(value, IP)
    assert found is not None
    assert found.scopes == ("workflows:read",)


def test_keys_of_a_disabled_person_stop_and_come_back(app: Flask, alice: Person) -> None:
    _, value = make(alice)
    users.disable(alice.id)
    assert api_keys.check(value, IP) is None
    users.enable(alice.id)
    assert api_keys.check(value, IP) is not None


def test_a_disabled_person_gets_no_new_key(app: Flask, alice: Person) -> None:
    users.disable(alice.id)
    with pytest.raises(Conflict):
        make(alice)


@pytest.mark.parametrize(
    ("ip", "good"), [("10.0.0.7", True), ("10.0.1.7", False), ("2001:db8::9", True), ("", False), ("nonsense", False)]
)
def test_a_key_with_networks_works_from_there_alone(app: Flask, alice: Person, ip: str, good: bool) -> None:
    _, value = make(alice, allowed_networks=("10.0.0.0/24", "2001:db8::/32"))
    assert (api_keys.check(value, ip) is not None) == good


def test_an_expired_key_is_no_key(app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    key, value = make(alice, expires_in=60)
    assert key.expires_at is not None
    end = key.expires_at
    monkeypatch.setattr(clock, "now", lambda: end - 1)
    assert api_keys.check(value, IP) is not None
    monkeypatch.setattr(clock, "now", lambda: end)
    assert api_keys.check(value, IP) is None


def test_a_key_made_under_another_brand_works_on(app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from authserver import config

    with config.using(dataclasses.replace(config.current(), brand="Earlier Inc")):
        _, value = make(alice)
    assert value.startswith("earlierinc_ak_")
    assert api_keys.check(value, IP) is not None


# Refusals


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish("", "read_only"), "name"), (Wish("   ", "read_only"), "name"), (Wish("x" * 101, "read_only"), "name"),
        (Wish("a\x00b", "read_only"), "name"), (Wish("a\nb", "read_only"), "name"),
        (Wish("a\u202eb", "read_only"), "name"),
        (Wish("CI", ""), "permission"), (Wish("CI", "root"), "permission"), (Wish("CI", "READ_ONLY"), "permission"),
        (Wish("CI", "read_only", 0), "expires_in"), (Wish("CI", "read_only", -5), "expires_in"),
        (Wish("CI", "read_only", 10**11), "expires_in"),
        (Wish("CI", "read_only", note="x" * 301), "note"), (Wish("CI", "read_only", note="a\x00"), "note"),
        (Wish("CI", "read_only", allowed_networks=("10.0.0.0/33",)), "allowed_networks"),
        (Wish("CI", "read_only", allowed_networks=("10.0.0.1/24",)), "allowed_networks"),
        (Wish("CI", "read_only", allowed_networks=("example.com",)), "allowed_networks"),
        (Wish("CI", "read_only", allowed_networks=("10.0.0.1",) * 51), "allowed_networks"),
        (Wish("CI", "read_only", rate_limit="0/hour"), "rate_limit"),
        (Wish("CI", "read_only", rate_limit="fast"), "rate_limit"),
    ],
)  # fmt: skip
def test_no_key_for(app: Flask, alice: Person, wish: Wish, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        api_keys.create(alice.user, wish)
    assert list(refused.value.problems) == [field]
    assert api_keys.page(alice.id) == ([], 0)


def test_a_person_has_a_hundred_keys_at_most(app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_KEYS", 2)
    first, _ = make(alice)
    make(alice)
    with pytest.raises(Invalid, match="Revoke one"):
        make(alice)
    api_keys.revoke(alice.id, first.id)
    make(alice)


@pytest.mark.parametrize(
    ("holder", "permission", "allowed"),
    [(READ, "read_only", True), (READ, "read_write", False), (WRITE, "read_write", True), (WRITE, "full_access", False),
     ((), "read_only", False)],
)  # fmt: skip
def test_no_credential_makes_a_key_beyond_itself(
    app: Flask, alice: Person, holder: tuple[str, ...], permission: str, allowed: bool
) -> None:
    if allowed:
        assert api_keys.create(alice.user, Wish("CI", permission), maker=maker(*holder))
        return
    with pytest.raises(Invalid):
        api_keys.create(alice.user, Wish("CI", permission), maker=maker(*holder))


def test_no_credential_rotates_a_key_beyond_itself(app: Flask, alice: Person) -> None:
    key, _ = make(alice, "read_write")
    with pytest.raises(Invalid):
        api_keys.rotate(alice.user, key.id, overlap=0, maker=maker(*READ))


@pytest.mark.parametrize(
    ("bounds", "stronger"),
    [
        ({"rate_limit": "50/hour", "own_limit": True}, {}),
        ({"rate_limit": "50/hour", "own_limit": True}, {"rate_limit": "51/hour"}),
        ({"allowed_networks": ("10.0.0.0/8",)}, {}),
        ({"allowed_networks": ("10.0.0.0/8",)}, {"allowed_networks": ("10.0.0.0/7",)}),
        ({"expires_at": 3600}, {}),
        ({"expires_at": 3600}, {"expires_in": None}),
    ],
)
def test_no_credential_rotates_a_key_with_fewer_bounds(
    app: Flask, alice: Person, bounds: dict[str, Any], stronger: dict[str, Any]
) -> None:
    if "expires_at" in bounds:
        bounds = {"expires_at": clock.now() + bounds["expires_at"]}
    key, value = make(alice, **stronger)
    with pytest.raises(Invalid):
        api_keys.rotate(alice.user, key.id, overlap=0, maker=maker(*WRITE, **bounds))
    assert api_keys.check(value, IP) is not None


def test_a_key_that_renews_itself_does_not_outlive_its_end(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = make(alice, expires_in=3600)
    later = clock.now() + 1800
    monkeypatch.setattr(clock, "now", lambda: later)
    successor, _ = api_keys.rotate(alice.user, key.id, overlap=0, maker=maker(*READ, expires_at=key.expires_at))
    assert successor.expires_at == pytest.approx(later + 1800, abs=2)


@pytest.mark.parametrize("act", ["get", "rotate", "revoke"])
def test_a_strangers_key_is_not_found(app: Flask, alice: Person, mallory: Person, act: str) -> None:
    key, value = make(alice)
    acts: dict[str, Callable[[], Any]] = {
        "get": lambda: api_keys.get(mallory.id, key.id),
        "rotate": lambda: api_keys.rotate(mallory.user, key.id, overlap=0),
        "revoke": lambda: api_keys.revoke(mallory.id, key.id),
    }
    with pytest.raises(NotFound):
        acts[act]()
    assert api_keys.check(value, IP) is not None


# Rotation and revocation


def test_both_keys_work_during_the_overlap(app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    old, old_value = make(
        alice, "read_write", expires_in=86_400 * 30, allowed_networks=("10.0.0.0/8",), rate_limit="5/minute", note="n"
    )
    new, new_value = api_keys.rotate(alice.user, old.id, overlap=3600)
    assert api_keys.check(old_value, IP)
    assert api_keys.check(new_value, IP)
    assert (new.name, new.permission, new.allowed_networks, new.rate_limit, new.note) == (
        old.name, old.permission, old.allowed_networks, old.rate_limit, old.note,
    )  # fmt: skip
    assert new.expires_at == pytest.approx(clock.now() + 86_400 * 30, abs=5)
    later = clock.now() + 3601
    monkeypatch.setattr(clock, "now", lambda: later)
    assert api_keys.check(old_value, IP) is None
    assert api_keys.check(new_value, IP)


def test_without_overlap_the_old_key_stops_at_once(app: Flask, alice: Person) -> None:
    old, old_value = make(alice)
    _, new_value = api_keys.rotate(alice.user, old.id, overlap=0)
    assert api_keys.check(old_value, IP) is None
    assert api_keys.check(new_value, IP)


def test_a_rotation_never_makes_the_old_key_live_longer(app: Flask, alice: Person) -> None:
    old, _ = make(alice, expires_in=600)
    api_keys.rotate(alice.user, old.id, overlap=86_400)
    assert api_keys.get(alice.id, old.id).expires_at == old.expires_at


def test_a_key_is_rotated_once(app: Flask, alice: Person) -> None:
    old, _ = make(alice)
    api_keys.rotate(alice.user, old.id, overlap=3600)
    with pytest.raises(Conflict, match="successor"):
        api_keys.rotate(alice.user, old.id, overlap=3600)


@pytest.mark.parametrize("overlap", [-1, 31 * 86_400])
def test_an_overlap_has_its_limits(app: Flask, alice: Person, overlap: int) -> None:
    old, _ = make(alice)
    with pytest.raises(Invalid):
        api_keys.rotate(alice.user, old.id, overlap=overlap)


def test_a_revoked_key_is_dead_and_stays_so(app: Flask, alice: Person) -> None:
    key, value = make(alice)
    api_keys.revoke(alice.id, key.id)
    api_keys.revoke(alice.id, key.id)
    assert api_keys.check(value, IP) is None
    with pytest.raises(Conflict):
        api_keys.rotate(alice.user, key.id, overlap=3600)
    assert len([event for event in audit.page(limit=100)[0] if event.type == "api_key.revoked"]) == 1


def test_every_change_is_recorded_for_its_owner_and_holds_no_secret(app: Flask, alice: Person) -> None:
    key, value = make(alice)
    _, successor = api_keys.rotate(alice.user, key.id, overlap=3600)
    api_keys.revoke(alice.id, key.id)
    events = [event for event in audit.page(owner_id=alice.id, limit=100)[0] if event.type.startswith("api_key.")]
    assert [event.type for event in events] == ["api_key.revoked", "api_key.rotated", "api_key.created"]
    assert {event.target for event in events} == {f"key:{key.id}"}
    told = str([event.data for event in events])
    assert value not in told
    assert successor not in told


@pytest.mark.parametrize(
    ("status", "names"),
    [("", {"live", "spent", "gone", "used"}), ("active", {"live", "used"}), ("expired", {"spent"}),
     ("revoked", {"gone"}), ("unused", {"live", "spent", "gone"}), ("nonsense", {"live", "spent", "gone", "used"})],
)  # fmt: skip
def test_the_list_is_narrowed_by_status(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch, status: str, names: set[str]
) -> None:
    make(alice, name="live")
    make(alice, name="spent", expires_in=1)
    api_keys.revoke(alice.id, make(alice, name="gone")[0].id)
    api_keys.check(make(alice, name="used")[1], IP)
    usage.flush()
    later = clock.now() + 5
    monkeypatch.setattr(clock, "now", lambda: later)
    found, total = api_keys.page(alice.id, status=status)
    assert {key.name for key in found} == names
    assert total == len(names)


def test_only_an_administrator_lifts_a_key_above_the_servers_limit(alice: Person) -> None:
    wish = Wish("CI", "read_only", rate_limit="1001/hour")
    with pytest.raises(Invalid, match="administrator"):
        key_wishes.validate(wish, beyond=False)
    key_wishes.validate(wish)
    row, _ = make(alice, rate_limit="10/hour")
    with pytest.raises(Invalid, match="administrator"):
        api_keys.set_limit(alice.id, row.id, "5/second", beyond=False)
    assert api_keys.set_limit(alice.id, row.id, "5/second").rate_limit == "5/second"
