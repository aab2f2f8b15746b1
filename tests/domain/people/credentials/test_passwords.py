"""Passwords: what proves a person, at which cost, and what a new one does to everything else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from sqlalchemy import select

from authserver import database
from authserver.domain.ground import one_time_links, throttle
from authserver.domain.people import known_devices, links, sessions, sign_ins, users
from authserver.domain.people.credentials import passwords
from authserver.domain.record import audit
from authserver.errors import Denied, Invalid, NotFound, RateLimited, Unavailable
from authserver.lib import clock, password_hash, secrets
from authserver.models import Mail, User
from authserver.observability import context
from tests.conftest import PASSWORD, Person
from tests.support import databases

NEW = "seven green lanterns drift"
LAPTOP, PHONE = secrets.digest("a laptop"), secrets.digest("a phone")


@pytest.fixture
def overrides() -> dict[str, object]:
    return {"demo": True, "login_failures_per_account": 4}


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The stored hashes that were compared, one for each password hash that was paid for."""
    seen: list[str | None] = []
    verify = password_hash.verify

    def counted(stored: str | None, password: str) -> bool:
        seen.append(stored)
        return verify(stored, password)

    monkeypatch.setattr(password_hash, "verify", counted)
    return seen


def mails_to(email: str) -> list[Mail]:
    with database.reading() as session:
        return list(session.scalars(select(Mail).where(Mail.recipient == email)))


def stored_hash(user_id: str) -> str | None:
    with database.reading() as session:
        return session.scalar(select(User.password_hash).where(User.id == user_id))


@pytest.mark.parametrize("email", ["alice@example.test", " ALICE@example.test", "ａlice@example.test"])
def test_the_right_password_proves_its_person_however_the_address_is_spelt(alice: Person, email: str) -> None:
    found = passwords.check(email, PASSWORD)
    assert found is not None
    assert found.id == alice.id


@pytest.mark.parametrize(
    "password", [PASSWORD.upper(), PASSWORD + " ", " " + PASSWORD, PASSWORD[:-1], "", "\0", PASSWORD + "\0", "x" * 2000]
)
def test_nothing_but_the_exact_password_does(alice: Person, password: str) -> None:
    assert passwords.check(alice.email, password) is None


def test_every_refusal_costs_one_hash_whoever_was_asked_for(alice: Person, hashes: list[str | None]) -> None:
    invited = users.create("invited@example.test")
    gone = users.create("gone@example.test", password=PASSWORD)
    users.disable(gone.id)
    for email in (alice.email, "nobody@example.test", invited.email, gone.email, "no address"):
        assert passwords.check(email, "not it at all") is None
    assert len(hashes) == 5
    assert hashes[1] is hashes[2] is hashes[4] is None  # the dummy of equal cost


def test_a_disabled_account_says_so_after_the_right_password_alone(alice: Person) -> None:
    users.disable(alice.id)
    assert passwords.check(alice.email, "not it at all") is None
    with pytest.raises(Denied, match="This account is disabled"):
        passwords.check(alice.email, PASSWORD)


def test_guesses_beyond_the_budget_never_reach_the_hash(alice: Person, hashes: list[str | None]) -> None:
    for number in range(30):
        with context.using(context.Context(ip=f"203.0.113.{number}")):
            try:
                passwords.check(alice.email, f"guess {number}")
            except RateLimited:
                continue
    assert len(hashes) == 4


def test_parallel_guesses_reach_the_hash_no_more_often(alice: Person, hashes: list[str | None]) -> None:
    def guess(number: int) -> None:
        with context.using(context.Context(ip="203.0.113.9")):
            try:
                passwords.check(alice.email, f"guess {number}")
            except (RateLimited, Unavailable):
                return

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(guess, range(60)))
    assert len(hashes) == 4


def test_an_attack_does_not_keep_a_known_device_out(alice: Person) -> None:
    sign_ins.note_sign_in(alice.user, LAPTOP)
    for number in range(6):
        try:
            passwords.check(alice.email, f"guess {number}")
        except RateLimited:
            continue
    with pytest.raises(RateLimited):
        passwords.check(alice.email, PASSWORD)
    assert passwords.check(alice.email, PASSWORD, device=LAPTOP) is not None


def test_a_device_is_known_to_the_account_it_signed_in_and_to_no_other(alice: Person, mallory: Person) -> None:
    """Else whoever has an account has a second budget of guesses at everybody else's."""
    sign_ins.note_sign_in(mallory.user, LAPTOP)
    for number in range(4):
        passwords.check(alice.email, f"guess {number}")
    with pytest.raises(RateLimited):
        passwords.check(alice.email, PASSWORD, device=LAPTOP)
    assert passwords.check(mallory.email, PASSWORD, device=LAPTOP) is not None


def test_success_uses_up_nothing(alice: Person) -> None:
    for _ in range(10):
        assert passwords.check(alice.email, PASSWORD) is not None


def test_failures_are_recorded_for_their_person_and_the_lock_once(alice: Person) -> None:
    for number in range(8):
        try:
            passwords.check(alice.email, f"guess {number}")
        except RateLimited:
            continue
    kinds = [event.type for event in audit.page(owner_id=alice.id, limit=50)[0]]
    assert kinds.count("user.login_failed") == 4
    assert kinds.count("user.locked") == 1


def test_a_busy_server_says_so_and_refunds_nothing(alice: Person) -> None:
    password_hash.configure(1, wait_seconds=0.01, memory_kib=64, time_cost=1)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with password_hash._machine.slot():
            held.set()
            release.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    try:
        for _ in range(4):
            with pytest.raises(Unavailable):
                passwords.check(alice.email, PASSWORD)
        with pytest.raises(RateLimited):
            passwords.check(alice.email, PASSWORD)
    finally:
        release.set()
        thread.join()
        databases.cheap_hashing()


def test_no_hash_is_made_inside_a_transaction(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    verify = password_hash.verify

    def watched(stored: str | None, password: str) -> bool:
        with database.transaction():  # on SQLite this waits for ever if somebody holds the write lock
            return verify(stored, password)

    monkeypatch.setattr(password_hash, "verify", watched)
    assert passwords.check(alice.email, PASSWORD) is not None


def test_an_old_hash_is_made_anew_at_the_next_sign_in(alice: Person) -> None:
    before = stored_hash(alice.id)
    password_hash.configure(2, memory_kib=128, time_cost=1)
    try:
        assert passwords.check(alice.email, PASSWORD) is not None
        after = stored_hash(alice.id)
        assert after is not None
        assert after != before
        assert "m=128" in after
        assert passwords.check(alice.email, PASSWORD) is not None
        assert stored_hash(alice.id) == after
    finally:
        databases.cheap_hashing()


def test_a_new_password_needs_the_old_one(alice: Person) -> None:
    before = stored_hash(alice.id)
    with pytest.raises(Invalid) as refused:
        passwords.change(alice.user, "not it at all", NEW)
    assert "current_password" in refused.value.problems
    assert stored_hash(alice.id) == before


@pytest.mark.parametrize(
    "new", ["short", "password1", "alice martin", "localhost8000", "kaie kaie", "x" * 1025, "a\0bcdefghijkl"]
)
def test_a_new_password_keeps_the_rules(alice: Person, new: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.change(alice.user, PASSWORD, new)
    assert "new_password" in refused.value.problems


@pytest.mark.parametrize(
    "new", ["qzjvkwpyxtrbnmlk", "🦊🐢🦉🐝🦔🐙🦋🐌", "  spaces at  the edges  ", "ünïcödé täkes its plâce"]
)
def test_no_kinds_of_characters_are_asked_for(alice: Person, new: str) -> None:
    passwords.change(alice.user, PASSWORD, new)
    assert passwords.check(alice.email, new) is not None


def test_a_password_does_not_end_by_time(alice: Person) -> None:
    with time_machine.travel(clock.now() + 20 * 365 * 86_400, tick=False):
        assert passwords.check(alice.email, PASSWORD) is not None


def test_a_change_ends_other_sessions_kills_links_and_tells_by_mail(alice: Person) -> None:
    here, found = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    there, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    link = links.access_link(alice.id).rpartition("/")[2]
    passwords.change(alice.user, PASSWORD, NEW, session_id=found.session.id)
    assert sessions.resolve(here) is not None
    assert sessions.resolve(there) is None
    with pytest.raises(NotFound):
        one_time_links.look(link, "reset")
    assert [mail.subject for mail in mails_to(alice.email)] == ["Your Kaie password was changed"]
    assert passwords.check(alice.email, PASSWORD) is None
    assert passwords.check(alice.email, NEW) is not None


@pytest.mark.parametrize("by_link", [False, True])
def test_no_other_browser_is_known_after_it_and_its_next_sign_in_is_news(alice: Person, by_link: bool) -> None:
    """A thief's was known, too: it had a budget of its own for guesses at the new password, and came back unseen."""
    for device in (LAPTOP, PHONE):
        sign_ins.note_sign_in(alice.user, device)
    if by_link:
        token = links.access_link(alice.id).rpartition("/")[2]
        passwords.set_by_link(token, NEW, "reset", device=LAPTOP)
    else:
        passwords.change(alice.user, PASSWORD, NEW, device=LAPTOP)
    assert known_devices.knows(alice.user.email_key, LAPTOP)
    assert not known_devices.knows(alice.user.email_key, PHONE)
    before = len(mails_to(alice.email))
    sign_ins.note_sign_in(alice.user, PHONE)
    assert len(mails_to(alice.email)) == before + 1


def test_that_nobody_is_known_any_more_makes_no_browser_the_first(alice: Person) -> None:
    sign_ins.note_sign_in(alice.user, PHONE)
    sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    user = passwords.set_by_link(links.access_link(alice.id).rpartition("/")[2], NEW, "reset")
    sign_ins.note_sign_in(user, PHONE)
    assert any("/this-was-not-me/" in mail.body for mail in mails_to(alice.email))


def test_browsers_stay_known_where_sessions_stay(alice: Person) -> None:
    sign_ins.note_sign_in(alice.user, PHONE)
    passwords.change(alice.user, PASSWORD, NEW, device=LAPTOP, end_others=False)
    assert known_devices.knows(alice.user.email_key, PHONE)


def test_other_sessions_stay_if_wished(alice: Person) -> None:
    there, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    passwords.change(alice.user, PASSWORD, NEW, end_others=False)
    assert sessions.resolve(there) is not None


def test_guesses_at_the_old_password_are_counted_like_sign_ins(alice: Person) -> None:
    for number in range(4):
        with pytest.raises(Invalid):
            passwords.change(alice.user, f"guess {number}", NEW)
    with pytest.raises(RateLimited):
        passwords.change(alice.user, PASSWORD, NEW)


def test_a_reset_ends_every_session_lifts_the_throttle_and_tells_by_mail(alice: Person) -> None:
    there, _ = sessions.open(alice.user, amr=["pwd"], ip="", user_agent="")
    for _ in range(4):
        throttle.begin_sign_in(alice.email, ip="203.0.113.1", device=None)
    token = links.access_link(alice.id).rpartition("/")[2]
    passwords.set_by_link(token, NEW, "reset")
    assert sessions.resolve(there) is None
    assert passwords.check(alice.email, NEW) is not None
    assert [mail.subject for mail in mails_to(alice.email)] == ["Your Kaie password was reset"]
    with pytest.raises(NotFound):
        passwords.set_by_link(token, "another fine pass phrase", "reset")


def test_a_refused_new_password_leaves_the_link_alive(alice: Person) -> None:
    token = links.access_link(alice.id).rpartition("/")[2]
    with pytest.raises(Invalid):
        passwords.set_by_link(token, "password1", "reset")
    passwords.set_by_link(token, NEW, "reset")


def test_the_stored_hash_is_argon2id_of_the_agreed_cost() -> None:
    password_hash.configure(1, memory_kib=password_hash.MEMORY_KIB, time_cost=password_hash.TIME_COST)
    try:
        assert password_hash.hash(NEW).startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    finally:
        databases.cheap_hashing()


def test_a_password_that_was_replaced_since_opens_no_session(alice: Person) -> None:
    proven = passwords.check(alice.email, PASSWORD)
    assert proven is not None
    token = links.access_link(alice.id).rpartition("/")[2]
    with time_machine.travel(clock.now() + 2):
        passwords.set_by_link(token, NEW, "reset")
        with pytest.raises(Denied, match="changed in this moment"):
            sessions.open(proven, amr=["pwd"], ip="", user_agent="")
    assert sessions.list_for(alice.id) == []


def test_a_disowned_sign_in_opens_no_session_later(alice: Person) -> None:
    proven = passwords.check(alice.email, PASSWORD)
    assert proven is not None
    with database.transaction() as session:
        made = one_time_links.make(session, alice.user, "not_me")
    sign_ins.disown_sign_in(made.rpartition("/")[2])
    with pytest.raises(Denied):
        sessions.open(proven, amr=["pwd"], ip="", user_agent="")


def test_who_knows_the_old_password_changes_none_that_was_reset_since(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the thief's new password is hashed, its owner uses her link."""
    token, hashing = links.access_link(alice.id).rpartition("/")[2], passwords.hashed

    def meanwhile(password: str, **more: str) -> str:
        monkeypatch.setattr(passwords, "hashed", hashing)
        passwords.set_by_link(token, NEW, "reset")
        return hashing(password, **more)

    monkeypatch.setattr(passwords, "hashed", meanwhile)
    with time_machine.travel(clock.now() + 2), pytest.raises(Invalid) as refused:
        passwords.change(alice.user, PASSWORD, "nine violet ladders of a thief")
    assert refused.value.field == "current_password"
    assert passwords.check(alice.email, NEW) and not passwords.check(alice.email, "nine violet ladders of a thief")
