"""Rosters: people as lines of CSV, written out, and read in after every line was judged (contract 12, people)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from authserver import database
from authserver.domain.people import addresses, names, users
from authserver.domain.people.users import User
from authserver.domain.record import audit
from authserver.errors import DomainError, Invalid
from authserver.lib import csv_cells, emails

COLUMNS = ("email", "name", "given_name", "family_name", "username", "role", "email_verified")
NAMES = ("name", "given_name", "family_name")
MAX_LINES = 10_000
CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True)
class Line:
    """One person as the file has them: its line in the file, and the cells that are filled in, by column."""

    number: int
    cells: dict[str, str]

    @property
    def email(self) -> str:
        return self.cells.get("email", "")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a line (CREATED, CHANGED or UNCHANGED), and the one-time link of a new person, unless mailed."""

    number: int
    email: str
    result: str
    link: str = ""


def written(people: Iterable[User]) -> Iterator[str]:
    """The file, line by line, as `read` takes it: nothing that opens an account is in it."""
    yield csv_cells.line(COLUMNS)
    for user in people:
        yield csv_cells.line(_cells_of(user)[column] for column in COLUMNS)


def note_export(search: str, state: str) -> None:
    """Record that somebody took a copy of these people."""
    filters = {name: text for name, text in (("search", search), ("state", state)) if text}
    with database.transaction() as session:
        audit.record(session, "user.exported", filters=filters)


def read(text: str) -> list[Line]:
    """The lines of a file. Raises Invalid, with a sentence for each line that is wrong in itself."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        head = [each.strip().lower() for each in next(rows, [])]
        _check_head(head)
        found = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise Invalid(f"Line {rows.line_num} is no CSV: {error}.") from None
    if len(found) > MAX_LINES:
        raise Invalid(f"A file has at most {MAX_LINES:,} people; split this one.")
    lines = [Line(number, _filled(head, row)) for number, row in found]
    _raise(_twice(lines) | {number: _TOO_WIDE for number, row in found if len(row) > len(head)})
    return lines


def take(
    lines: Sequence[Line], *, by_mail: bool = False, dry_run: bool = False, by_id: str | None = None
) -> Iterator[Taken]:
    """Create who is new, invited with a one-time link or by mail, and change who is there by what their line fills in.

    Everything is tried first: if one line is wrong nothing is made. Each line is a transaction, and a person who is
    as their line says is left alone, so that an interrupted import is run again. `by_id` as for `users.set_role`.
    Raises Invalid.
    """
    tried = [_tried(line, by_mail, by_id) for line in lines]
    refused = {line.number: found for line, found in zip(lines, tried, strict=True) if isinstance(found, DomainError)}
    _raise({number: found.public for number, found in refused.items()})
    if dry_run:
        yield from (Taken(found.number, found.email, found.result) for found in tried if isinstance(found, Taken))
    else:
        yield from (_take(line, by_mail, by_id) for line in lines)


def _tried(line: Line, by_mail: bool, by_id: str | None) -> Taken | DomainError:
    try:
        with database.rehearsal():
            return _take(line, by_mail, by_id)
    except DomainError as refused:
        return refused


def _take(line: Line, by_mail: bool, by_id: str | None) -> Taken:
    user = users.find_by_email(line.email)
    if user is None:
        return _created(line, by_mail)
    before = _cells_of(user)
    with database.together():
        if "role" in line.cells:
            users.hold_administrators()  # before anybody is locked, as whoever changes a role does
        _change(user, line.cells, by_id)
        after = _cells_of(users.get(user.id))
    return Taken(line.number, user.email, UNCHANGED if before == after else CHANGED)


def _created(line: Line, by_mail: bool) -> Taken:
    called = {name: line.cells[name] for name in (*NAMES, "username", "role") if name in line.cells}
    user, link = users.invite(line.email, verified=_verified(line.cells) or False, by_mail=by_mail, **called)
    return Taken(line.number, user.email, CREATED, link)


def _change(user: User, cells: dict[str, str], by_id: str | None) -> None:
    if "username" in cells:
        names.set_username(user.id, cells["username"])
    wanted = {name: cells[name] for name in NAMES if name in cells}
    if any(wanted[name] != text for name, text in _called(user).items() if name in wanted):
        names.rename(user.id, **wanted)
    if "role" in cells:
        users.set_role(user.id, cells["role"], by_id=by_id)
    if (verified := _verified(cells)) is not None:
        addresses.set_email_verified(user.id, verified)


def _verified(cells: dict[str, str]) -> bool | None:
    text = cells.get("email_verified", "").lower()
    if text in _YES | _NO:
        return text in _YES
    if text:
        raise Invalid("email_verified is true or false.", field="email_verified")
    return None


def _called(user: User) -> dict[str, str]:
    return {"name": user.chosen_name, "given_name": user.given_name, "family_name": user.family_name}


def _cells_of(user: User) -> dict[str, str]:
    return {
        "email": user.email,
        **_called(user),
        "username": user.username,
        "role": user.role,
        "email_verified": "true" if user.email_verified_at is not None else "false",
    }


_TOO_WIDE = "It has more cells than the first line."


def _filled(head: list[str], row: list[str]) -> dict[str, str]:
    cells = {column: csv_cells.given(cell.strip()) for column, cell in zip(head, row, strict=False)}
    return {column: cell for column, cell in cells.items() if cell}


def _check_head(head: list[str]) -> None:
    if "email" not in head:
        raise Invalid("The first line names the columns, and email is one of them.")
    if strange := [each for each in head if each not in COLUMNS]:
        raise Invalid(f"There is no column {', '.join(strange)[:200]}. The columns are {', '.join(COLUMNS)}.")
    if len(set(head)) < len(head):
        raise Invalid("The first line names a column twice.")


def _twice(lines: Sequence[Line]) -> dict[int, str]:
    """A sentence for each line whose address an earlier one has, or that has none."""
    seen: dict[str, int] = {}
    found = {}
    for line in lines:
        try:
            key = emails.normalise(line.email)
        except ValueError as error:
            found[line.number] = str(error)
            continue
        if key in seen:
            found[line.number] = f"Line {seen[key]} has the same email."
        seen.setdefault(key, line.number)
    return found


def _raise(problems: dict[int, str]) -> None:
    if problems:
        told = {f"line {number}": sentence for number, sentence in sorted(problems.items())}
        raise Invalid("Nothing was imported: some lines are wrong.", problems=told)
