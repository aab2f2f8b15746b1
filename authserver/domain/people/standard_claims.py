"""What a person tells of themselves beside names and email: the standard claims of OpenID Connect Core 5.1.

Kept is what was filled in and nothing else, under the names of the specification.
"""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from authserver import database
from authserver.domain.people import living, names
from authserver.domain.record import audit
from authserver.errors import Invalid
from authserver.lib import clock, redirect_uris

LABELS = {
    "middle_name": "Middle name",
    "nickname": "Nickname",
    "profile": "Profile page",
    "picture": "Picture",
    "website": "Website",
    "gender": "Gender",
    "birthdate": "Birthdate",
    "zoneinfo": "Time zone",
    "locale": "Language",
    "phone_number": "Phone number",
}
"""The claims that are a text each, as people read them."""
ADDRESS = {
    "street_address": "Street and number",
    "postal_code": "Postal code",
    "locality": "City",
    "region": "State or region",
    "country": "Country",
}
"""The members of the claim `address` (section 5.1.1); `formatted` is made of them."""
MAX_STREET = 300
MAX_LOCALE = 35  # RFC 5646 section 4.4.1
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_PHONE = re.compile(r"\+[1-9][0-9]{5,14}(?:;ext=[0-9]{1,10})?")  # E.164, and an extension as RFC 3966 writes it
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2}))?")
_PART = "address."
_LEAP_YEAR = 2000  # stands for a year that is not told, so that 29 February is a day


def change(user_id: str, wanted: Mapping[str, Any]) -> None:
    """Change what a person tells, but for what `wanted` does not name; an empty text takes a claim away.

    `address` is an object, of which likewise only what is named changes. Raises Invalid with a sentence for each
    field (`address.country`), NotFound, Conflict.
    """
    texts = {name: text for name, text in wanted.items() if name != "address"}
    told = cleaned(texts, wanted.get("address") or {})
    if not told:
        return
    with database.transaction() as session:
        user = living.locked(session, user_id)
        before, after = user.standard_claims, _merged(user.standard_claims, told)
        if changed := sorted(name for name in wanted if before.get(name) != after.get(name)):
            user.standard_claims, user.person_updated_at = after, clock.now()
            audit.record(session, "user.updated", target=f"user:{user_id}", owner_id=user_id, changed=changed)


def cleaned(texts: Mapping[str, str], address: Mapping[str, str]) -> dict[str, str]:
    """Both as they are kept, the parts of the address under `address.…`. Raises Invalid."""
    found: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, text in {**texts, **{_PART + part: text for part, text in address.items()}}.items():
        try:
            rule = _rule(name)
            found[name] = rule(text.strip()) if text.strip() else ""
        except ValueError as error:
            problems[name] = str(error)
        except Invalid as error:
            problems[name] = error.public
    if problems:
        raise Invalid("Check the highlighted fields.", f"standard claims: {sorted(problems)}", problems=problems)
    return found


def formatted(address: Mapping[str, str]) -> str:
    """A postal address as it stands on a letter (section 5.1.1)."""
    town = f"{address.get('postal_code', '')} {address.get('locality', '')}".strip()
    lines = (address.get("street_address", ""), town, address.get("region", ""), address.get("country", ""))
    return "\n".join(line for line in lines if line)


def labelled(claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is told, for people to read."""
    found = [(label, str(claims[name])) for name, label in LABELS.items() if claims.get(name)]
    return [*found, *([("Address", formatted(claims["address"]).replace("\n", ", "))] if claims.get("address") else [])]


def _merged(before: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    claims, address = dict(before), dict(before.get("address", {}))
    for name, text in told.items():
        into, claim = (address, name.removeprefix(_PART)) if name.startswith(_PART) else (claims, name)
        into[claim] = text
    claims["address"] = {part: text for part, text in address.items() if text}
    return {name: value for name, value in claims.items() if value}


def _rule(name: str) -> Callable[[str], str]:
    known = {*LABELS, *(_PART + part for part in ADDRESS)}
    if name not in known:
        raise ValueError("There is no such claim.")
    return _RULES.get(name) or functools.partial(names.clean_part, field=name)


def _web_address(text: str) -> str:
    if not text.startswith("https://"):
        raise ValueError("Enter a whole address that starts with https://.")
    if found := redirect_uris.problem(text):
        raise ValueError(found)
    return text


def _birthdate(text: str) -> str:
    """A day, a day without its year (0000-MM-DD), or a year."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("Write it as 1990-05-31, as 0000-05-31 without the year, or as 1990.")
    year, month, day = match.groups()
    if month is None and year == "0000":
        raise ValueError("Write the year in four digits.")
    try:
        if month is not None:
            datetime.date(_LEAP_YEAR if year == "0000" else int(year), int(month), int(day))
    except ValueError:
        raise ValueError("There is no such day.") from None
    return text


def _zone(text: str) -> str:
    known = _zones()
    if not _ZONE.fullmatch(text) or (known and text not in known):
        raise ValueError("Write it as Europe/Paris or America/Los_Angeles.")
    return text


@functools.cache
def _zones() -> frozenset[str]:
    """Those that the machine knows; none where it has no data of them, and then the form alone is looked at."""
    return frozenset(zoneinfo.available_timezones())


def _locale(text: str) -> str:
    text = text.replace("_", "-")
    if len(text) > MAX_LOCALE or not _LOCALE.fullmatch(text):
        raise ValueError("Write it as en, fr-CA or de-AT.")
    return text


def _phone(text: str) -> str:
    plain = re.sub(r"[ ().\u00a0-]", "", text)
    if not _PHONE.fullmatch(plain):
        raise ValueError("Write it with the country's code, as +33 1 23 45 67 89.")
    return plain


def _street(text: str) -> str:
    lines = [names.clean(line, "address.street_address", MAX_STREET) for line in text.splitlines()]
    street = "\n".join(line for line in lines if line)
    if len(street) > MAX_STREET:
        raise ValueError(f"At most {MAX_STREET} characters are possible.")
    return street


_RULES: Mapping[str, Callable[[str], str]] = {
    "profile": _web_address,
    "picture": _web_address,
    "website": _web_address,
    "birthdate": _birthdate,
    "zoneinfo": _zone,
    "locale": _locale,
    "phone_number": _phone,
    "address.street_address": _street,
}
