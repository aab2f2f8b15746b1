"""Standard claims of a person: what is taken, how it is kept, and what is refused (OpenID Connect Core 5.1)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from authserver import database
from authserver.domain.people import standard_claims, users
from authserver.errors import Invalid, NotFound
from authserver.models import AuditEvent
from tests.conftest import Person

TAKEN = [
    ("nickname", "  Al   the  Great ", "Al the Great"),
    ("birthdate", "1990-05-31", "1990-05-31"),
    ("birthdate", "0000-02-29", "0000-02-29"),  # a day without its year
    ("birthdate", "1990", "1990"),
    ("locale", "en_US", "en-US"),
    ("zoneinfo", "America/Los_Angeles", "America/Los_Angeles"),
    ("phone_number", "+1 (425) 555-1212", "+14255551212"),
    ("phone_number", "+1 (604) 555-1234;ext=5678", "+16045551234;ext=5678"),
    ("website", "https://al.example/a?b=c", "https://al.example/a?b=c"),
]
REFUSED = [
    ("nickname", "x" * 101), ("nickname", "a\u202eb"), ("gender", "a\x00b"), ("middle_name", "a\ud800b"),
    ("birthdate", "31.5.1990"), ("birthdate", "1990-02-30"), ("birthdate", "0000"), ("birthdate", "1990-13-01"),
    ("birthdate", "１９９０-05-31"), ("birthdate", "1990-05-31\nx"),
    ("locale", "english please"), ("locale", "e"), ("locale", "en-" + "x" * 40), ("locale", "en<b>"),
    ("zoneinfo", "Mars/Olympus"), ("zoneinfo", "../../etc/passwd"), ("zoneinfo", "/etc/passwd"),
    ("phone_number", "0123456"), ("phone_number", "+12"), ("phone_number", "+1555123456789012"),
    ("phone_number", "tel:+33123456789"), ("phone_number", "+33 12x456789"),
    ("website", "javascript:alert(1)"), ("picture", "http://al.example/a.png"), ("profile", "al.example"),
    ("picture", "data:image/png;base64,AAAA"), ("website", "https://u:p@al.example/"), ("website", "https://a b/"),
    ("website", "https://al.example/" + "x" * 2000), ("sub", "usr_other"), ("email", "x@example.test"),
    ("email_verified", "true"), ("country", "France"), ("address.country", "x" * 101),
    ("address.street_address", "x" * 301), ("address.street_address", "a\u202eb"), ("address.planet", "Mars"),
    ("address.formatted", "x"),
]  # fmt: skip


def wanted(name: str, text: str) -> dict[str, Any]:
    part = name.removeprefix("address.")
    return {name: text} if part == name else {"address": {part: text}}


@pytest.mark.parametrize(("name", "given", "kept"), TAKEN)
def test_each_is_kept_in_the_form_of_the_specification(alice: Person, name: str, given: str, kept: str) -> None:
    standard_claims.change(alice.id, {name: given})
    assert users.get(alice.id).standard_claims == {name: kept}


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_what_is_no_such_claim_is_refused_and_changes_nothing(alice: Person, name: str, text: str) -> None:
    before = users.get(alice.id).person_updated_at
    with pytest.raises(Invalid) as refused:
        standard_claims.change(alice.id, wanted(name, text) | {"middle_name": "Lee"} | wanted(name, text))
    assert name in refused.value.problems
    assert len(text) < 5 or text[:20] not in refused.value.problems[name]
    assert users.get(alice.id).standard_claims == {}
    assert users.get(alice.id).person_updated_at == before


def test_only_what_is_named_changes(alice: Person) -> None:
    standard_claims.change(alice.id, {"nickname": "Al", "gender": "female", "address": {"country": "France"}})
    standard_claims.change(alice.id, {"gender": "", "address": {"locality": "Paris"}})
    address = {"country": "France", "locality": "Paris"}
    assert users.get(alice.id).standard_claims == {"nickname": "Al", "address": address}
    standard_claims.change(alice.id, {})
    assert users.get(alice.id).standard_claims["nickname"] == "Al"


def test_lines_of_a_street_stay_lines(alice: Person) -> None:
    standard_claims.change(alice.id, {"address": {"street_address": "Flat 2\r\n\r\n  1 Mill   Lane\n"}})
    address = users.get(alice.id).standard_claims["address"]
    assert address == {"street_address": "Flat 2\n1 Mill Lane"}
    assert standard_claims.formatted(address) == "Flat 2\n1 Mill Lane"


def test_the_audit_log_says_which_claims_changed_and_not_to_what(alice: Person) -> None:
    standard_claims.change(alice.id, {"birthdate": "1990-05-31", "address": {"country": "France"}})
    with database.reading() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
    assert event is not None
    assert (event.type, event.data) == ("user.updated", {"changed": ["address", "birthdate"]})


def test_nobody_has_no_claims(alice: Person) -> None:
    with pytest.raises(NotFound):
        standard_claims.change("usr_nobody", {"nickname": "Al"})
