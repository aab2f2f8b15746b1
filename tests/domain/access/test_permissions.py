"""Access levels of API keys: data, each holding what the one before holds."""

from __future__ import annotations

import pytest
from flask import Flask

from authserver.domain.access import permissions
from authserver.domain.record import audit
from authserver.errors import Invalid, NotFound

READ = ["workflows:read", "analytics:read"]


def test_there_are_three_levels_weakest_first(app: Flask) -> None:
    assert [(level.name, level.title) for level in permissions.all()] == [
        ("read_only", "Read Only"), ("read_write", "Read/Write"), ("full_access", "Full Access"),
    ]  # fmt: skip


def test_each_level_holds_the_one_before_and_more(app: Flask) -> None:
    low, middle, high = (set(level.scopes) for level in permissions.all())
    assert low < middle < high


@pytest.mark.parametrize(
    ("level", "scopes"),
    [
        ("read_only", ["workflows:read", "workflows:write", "keys:manage"]),  # more than the level above
        ("read_write", ["workflows:read"]),  # less than the level below
        ("full_access", READ),
        ("read_only", ["openid"]), ("read_only", ["no:such"]), ("read_only", ["offline_access"]),
    ],
)  # fmt: skip
def test_a_bundle_that_breaks_the_order_is_refused(app: Flask, level: str, scopes: list[str]) -> None:
    before = permissions.get(level).scopes
    with pytest.raises(Invalid):
        permissions.change(level, scopes)
    assert permissions.get(level).scopes == before


def test_an_unknown_level_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        permissions.change("root", READ)


def test_a_change_is_seen_at_once_and_recorded_with_before_and_after(app: Flask) -> None:
    permissions.change("read_only", ["workflows:read"])
    assert permissions.get("read_only").scopes == ("workflows:read",)
    event = audit.page(type="permission.updated")[0][0]
    assert (set(event.data["before"]), event.data["after"]) == (set(READ), ["workflows:read"])


def test_no_change_is_no_event(app: Flask) -> None:
    permissions.change("read_only", READ[::-1])
    assert audit.page(type="permission.updated")[1] == 0


def test_a_level_is_explained_by_what_it_adds_and_what_it_lacks(app: Flask) -> None:
    told = permissions.explained("user")
    assert told["read_only"]["cannot"].startswith("Cannot ")
    assert "delete your workflows" in told["read_only"]["cannot"]
    assert "delete your workflows" in told["full_access"]["can"]
    assert not told["full_access"]["cannot"]


def test_the_short_sentence_of_a_level_follows_its_scopes(app: Flask) -> None:
    told = permissions.explained("user")
    assert [told[name]["hint"] for name in ("read_only", "read_write", "full_access")] == [
        "Can read, and changes nothing.",
        "Can read and change, and deletes nothing.",
        "Can do everything that a key can do.",
    ]
    permissions.change("read_write", [*permissions.get("read_write").scopes, "workflows:delete"])
    assert permissions.explained("user")["read_write"]["hint"] == "Can read, change and more."


def test_what_only_administrators_hold_is_explained_to_them_alone(app: Flask) -> None:
    assert "dminister" not in permissions.explained("user")["full_access"]["can"]
    assert "dminister" in permissions.explained("admin")["full_access"]["can"]
