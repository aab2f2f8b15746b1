"""Parts of long lists by keyset, and counts that stop at a thousand (contract 11.56)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypedDict, TypeVar

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from authserver import keyring
from authserver.errors import Invalid
from authserver.lib import base64url, sealing

T = TypeVar("T")
R = TypeVar("R")
Key = Callable[[T], tuple[Any, ...]]
Wanted = Select[*tuple[Any, ...]]
Sources = Sequence[ColumnElement[bool]] | None
LIMIT = 20
COUNTED = 1000
STEP = 200
MAX_CURSOR = 1000
_TAG = 32


class Part(TypedDict, total=False):
    """Which rows of a list: `limit` of them behind or before a cursor of an earlier answer, else those of a `page`."""

    limit: int
    page: int
    after: str
    before: str
    uncounted: bool  # nobody wants to know how many there are


class Rows(list[T]):
    """The rows of a part. `first` is the number of the first, counted from 1 as far as the cursors know.

    `previous` and `next` are cursors for `before` and `after`; empty where nothing more lies on that side.
    """

    first: int = 1
    previous: str = ""
    next: str = ""
    limit: int = LIMIT

    def each(self, make: Callable[[T], R]) -> Rows[R]:
        """The same part with something made of each row."""
        made = Rows(map(make, self))
        made.first, made.previous, made.next, made.limit = self.first, self.previous, self.next, self.limit
        return made


class BadCursor(Invalid):
    """A cursor that no answer of this list gave."""

    def __init__(self, field: str) -> None:
        super().__init__("This link into the list is not one of ours. Begin at its first page.", field=field)


def read(
    session: Session,
    wanted: Wanted,
    *,
    by: Sequence[Any],
    name: str,
    part: Part,
    sources: Sources = None,
) -> tuple[Rows[Any], int]:
    """Rows of `wanted` as `rows` gives them, and how many there are (COUNTED + 1: more than that)."""
    made = rows(session, wanted, by=by, name=name, part=part, sources=sources)
    if part.get("uncounted"):
        return made, len(made)
    if made and made.first == 1 and not made.next:
        return made, len(made)
    return made, count(session, wanted, sources)


def rows(
    session: Session, wanted: Wanted, *, by: Sequence[Any], name: str, part: Part, sources: Sources = None
) -> Rows[Any]:
    """Rows of `wanted`, the highest in the columns `by` first.

    `by` ends in what no two rows share; cursors are good for the list of this `name` alone. With `sources`, only rows
    that fit one of these conditions, of which no row fits two: each is read from its own index no further than the
    part needs, where one condition with OR would read everything that fits. Raises BadCursor.
    """
    place = _Place(name, by, part)
    if sources is not None:
        # First which, then what: asked for at once, PostgreSQL may read the whole table for a handful of rows.
        which = session.scalars(place.heads(wanted, sources)).all() if sources else []
        if not which:
            return place.rows([], keys_of=lambda row: row)
        wanted, place = wanted.where(by[-1].in_(which)), place.chosen()
    found = list(session.execute(place.narrowed(wanted)))
    cut_out = place.rows(found, keys_of=lambda row: row[-len(by) :])
    return cut_out.each(lambda row: row[0] if len(row) == len(by) + 1 else row)


def every(page: Callable[..., tuple[Rows[T], int]], most: int | None = None) -> Iterator[T]:
    """The rows of a whole list, or the first `most`, read STEP at a time; no transaction stays open in between."""
    left, after = most, ""
    while left is None or left > 0:
        found, _ = page(limit=STEP if left is None else min(STEP, left), after=after, uncounted=True)
        yield from found
        after = found.next
        if not after:
            return
        left = None if left is None else left - len(found)


def cut(whole: Sequence[T], *, key: Key[T], name: str, part: Part) -> Rows[T]:
    """A part of a list that is whole and sorted, the lowest `key` first. Raises BadCursor."""
    place = _Place(name, key(whole[0]) if whole else (), part, checked=bool(whole))
    return place.rows(place.sliced(whole, key), keys_of=key)


def count(session: Session, wanted: Wanted, sources: Sources = None) -> int:
    """How many rows a statement has, counted no further than COUNTED + 1; `sources` as in `read`."""
    bare = wanted.with_only_columns(literal(1).label("one"), maintain_column_froms=True).order_by(None)
    if sources is None:
        some: Any = bare
    elif not sources:
        return 0
    else:
        some = together([bare.where(each).limit(COUNTED + 1) for each in sources])
    return session.scalar(select(func.count()).select_from(some.limit(COUNTED + 1).subquery())) or 0


def counts(session: Session, *wanted: Wanted) -> tuple[int, ...]:
    """`count` of several statements in one."""
    bare = (
        each.with_only_columns(literal(1).label("one"), maintain_column_froms=True).order_by(None) for each in wanted
    )
    counted = [select(func.count()).select_from(each.limit(COUNTED + 1).subquery()).scalar_subquery() for each in bare]
    return tuple(session.execute(select(*counted)).one())


def unindexed(column: Any) -> Any:
    """A column of texts in a form that no index has, where one would be read to its end."""
    return column.concat("")


def in_words(total: int) -> str:
    """A count as people read it: 1,000+ where it was not counted further."""
    return f"{COUNTED:,}+" if total > COUNTED else f"{total:,}"


class _Place:
    """Where a part of a list begins, and in which direction it is read."""

    def __init__(self, name: str, by: Sequence[Any], part: Part, *, checked: bool = True) -> None:
        self._name, self._by, self._is_chosen = name, by, False
        self._limit, self._page = part.get("limit", LIMIT), part.get("page", 1)
        self._backwards = bool(part.get("before")) and not part.get("after")
        self._field = "before" if self._backwards else "after"
        cursor = part.get("after") or part.get("before") or ""
        self._beside, self._keys = _opened(name, cursor, self._field) if cursor else (0, ())
        if cursor and checked and len(self._keys) != len(by):
            raise BadCursor(self._field)

    @property
    def begins(self) -> bool:
        """Whether it is the beginning of the list."""
        return not self._keys and self._page == 1

    @property
    def _offset(self) -> int:
        return 0 if self._keys else (self._page - 1) * self._limit

    def narrowed(self, wanted: Wanted) -> Wanted:
        """The statement that reads the part, one row more, and its keys behind its own columns."""
        skipped = 0 if self._is_chosen else self._offset
        return self._limited(wanted.add_columns(*self._labelled())).offset(skipped)

    def chosen(self) -> _Place:
        """The same place in a list from which all else was left out."""
        same = copy.copy(self)
        same._is_chosen = True
        return same

    def heads(self, wanted: Wanted, sources: Sequence[ColumnElement[bool]]) -> Wanted:
        """The statement that says which rows the part has, and one more, by the last of their keys."""
        bare = wanted.with_only_columns(*self._labelled(), maintain_column_froms=True)
        found = together([self._limited(bare.where(each), self._offset) for each in sources]).subquery()
        keys = list(found.columns)
        order = [key.asc() if self._backwards else key.desc() for key in keys]
        return select(keys[-1]).order_by(*order).limit(self._limit + 1).offset(self._offset)

    def _labelled(self) -> list[Any]:
        return [column.label(f"key_{each}") for each, column in enumerate(self._by)]

    def _limited(self, wanted: Wanted, more: int = 0) -> Wanted:
        by, keys = tuple_(*self._by), tuple_(*self._keys)
        if self._keys:
            wanted = wanted.where(by > keys if self._backwards else by < keys)
        order = [column.asc() if self._backwards else column.desc() for column in self._by]
        return wanted.order_by(None).order_by(*order).limit(more + self._limit + 1)

    def sliced(self, whole: Sequence[T], key: Key[T]) -> list[T]:
        """The rows of a whole list that `narrowed` would find, in the same order."""
        if self._backwards:
            return [each for each in reversed(whole) if key(each) < self._keys][: self._limit + 1]
        behind = [each for each in whole if key(each) > self._keys] if self._keys else list(whole)
        return behind[self._offset : self._offset + self._limit + 1]

    def rows(self, found: Sequence[T], *, keys_of: Callable[[T], Sequence[Any]]) -> Rows[T]:
        """What was found, in the order of the list and with the cursors of its ends."""
        more, rows = len(found) > self._limit, Rows(found[: self._limit])
        if self._backwards:
            rows.reverse()
        rows.first, rows.limit = self._first(len(rows), more), self._limit
        if rows and (more if self._backwards else not self.begins):
            rows.previous = _sealed(self._name, rows.first, keys_of(rows[0]))
        if rows and (more or self._backwards):
            rows.next = _sealed(self._name, rows.first + len(rows) - 1, keys_of(rows[-1]))
        return rows

    def _first(self, length: int, more: bool) -> int:
        if not self._keys:
            return self._offset + 1
        if self._backwards:
            return max(1, self._beside - length) if more else 1
        return self._beside + 1


def together(parts: Sequence[Wanted]) -> Any:
    """The rows of several limited statements; SQLite takes no LIMIT inside of a UNION but in a subquery."""
    return parts[0] if len(parts) == 1 else union_all(*(select(each.subquery()) for each in parts))


def _sealed(name: str, beside: int, keys: Sequence[Any]) -> str:
    text = json.dumps([beside, *keys], separators=(",", ":")).encode()
    return base64url.encode(sealing.sign(keyring.key("cursors"), _message(name, text)) + text).decode()


def _opened(name: str, cursor: str, field: str) -> tuple[int, tuple[Any, ...]]:
    if not cursor.isascii() or len(cursor) > MAX_CURSOR:
        raise BadCursor(field)
    try:
        blob = base64url.decode(cursor.encode())
    except ValueError:
        raise BadCursor(field) from None
    tag, text = blob[:_TAG], blob[_TAG:]
    if not sealing.verify(keyring.keys("cursors"), _message(name, text), tag):
        raise BadCursor(field)
    beside, *keys = json.loads(text)
    return beside, tuple(keys)


def _message(name: str, text: bytes) -> bytes:
    return name.encode() + b"\x00" + text
