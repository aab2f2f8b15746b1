"""A page of ours with one of its forms filled in anew: what a browser would show had the person typed it there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

# Behind which a note may stand: every layout has it (layouts/_flash.html).
PLACE = '<div class="flashes" role="status">'
_NEVER = frozenset({"csrf_token", "once"})
_UNTYPED = frozenset({"password", "file", "submit", "button", "image", "reset"})
Attributes = list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class Filled:
    """The page, and the id of the form in it."""

    html: str
    form_id: str


def fill(html: str, path: str, fields: Iterable[tuple[str, str]]) -> Filled | None:
    """The page with the form that posts to `path` filled in; None without such a form."""
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in fields:
        values[name].append(value)
    seen = _Forms(path)
    seen.feed(html)
    if not seen.forms:
        return None
    best = max(seen.forms, key=lambda each: len(seen.forms[each] & values.keys()))
    writer = _Writer(best, values)
    writer.feed(html)
    writer.close()
    return Filled("".join(writer.out), writer.form_id)


class _Forms(HTMLParser):
    """The forms for a path, by their number on the page, with the names of their fields."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.forms: dict[int, set[str]] = {}
        self._path, self._number, self._names = path, -1, set[str]()

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = dict(attrs)
        if tag == "form":
            self._number += 1
            self._names = set()
            posts = str(given.get("method", "")).lower() == "post"
            if posts and urlsplit(str(given.get("action"))).path == self._path:
                self.forms[self._number] = self._names
        elif given.get("name"):
            self._names.add(str(given["name"]))


@dataclass
class _Row:
    """A row of a list as it stands on the page, of which copies are made for what has no row there."""

    depth: int = 0
    pieces: list[str] = field(default_factory=list)
    name: str = ""


class _Writer(HTMLParser):
    """Copies a page, and writes values into the form of this number."""

    def __init__(self, number: int, values: Mapping[str, list[str]]) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self.form_id = ""
        self._left, self._inside, self._seen = number, False, -1
        self._values = {name: [*texts] for name, texts in values.items()}
        self._select: list[str] | None = None
        self._skip = ""  # the element whose own text gives way to the value
        self._row = _Row()

    # ---- what is copied ----

    def _say(self, text: str) -> None:
        self.out.append(text)
        if self._row.depth:
            self._row.pieces.append(text)

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self._say(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self._say(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._say(f"<!{decl}>")

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        self._say(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._skip = ""
        self._say(f"</{tag}>")
        if tag == "div" and self._row.depth:
            self._row.depth -= 1

    # ---- what is written ----

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = dict(attrs)
        text = self.get_starttag_text() or ""
        if tag == "form":
            text = self._begin(text, given)
        elif self._inside:
            self._rows(tag, given)
            text = self._control(tag, text, attrs, given)
        self._say(text)
        if tag == "textarea" and self._inside and str(given.get("name")) in self._values:
            self._say("\n" + escape(self._next(str(given["name"])) or ""))
            self._skip = tag

    def _begin(self, text: str, given: Mapping[str, str | None]) -> str:
        self._seen += 1
        self._inside = self._seen == self._left
        if not self._inside:
            return text
        self.form_id = str(given.get("id") or "kept-form")
        return text if given.get("id") else f'{text[:-1]} id="{self.form_id}">'

    def _control(self, tag: str, text: str, attrs: Attributes, given: Mapping[str, str | None]) -> str:
        name, kind = str(given.get("name") or ""), str(given.get("type") or "text")
        if tag == "option" and self._select is not None:
            return _with(tag, attrs, "selected", on=str(given.get("value")) in self._select)
        if not name or name in _NEVER or kind in _UNTYPED:
            return text
        if tag == "select":
            self._select = self._values.get(name)
        elif tag == "input" and kind in {"checkbox", "radio"}:
            return self._tick(tag, attrs, given, name, kind)
        elif tag == "input":
            if self._row.depth and not self._row.name:
                self._row.name = re.sub(r"-\d+$", "", name)
            if (value := self._next(name)) is not None:
                return _tag(tag, [*((key, old) for key, old in attrs if key != "value"), ("value", value)])
        return text

    def _tick(self, tag: str, attrs: Attributes, given: Mapping[str, str | None], name: str, kind: str) -> str:
        if kind == "radio" and name not in self._values:
            return self.get_starttag_text() or ""
        return _with(tag, attrs, "checked", on=str(given.get("value", "on")) in self._values.get(name, []))

    def _next(self, name: str) -> str | None:
        waiting = self._values.get(name)
        return waiting.pop(0) if waiting else None

    # ---- lists of rows ----

    def _rows(self, tag: str, given: Mapping[str, str | None]) -> None:
        if tag == "div" and "rowitem" in str(given.get("class") or "").split():
            self._row = _Row(depth=1)
        elif tag == "div" and self._row.depth:
            self._row.depth += 1
        elif tag == "button" and given.get("name") == "add_row":
            self._more_rows(str(given.get("value") or ""))

    def _more_rows(self, name: str) -> None:
        """Rows for the values of a list that the page has none for."""
        row = "".join(self._row.pieces)
        number = re.search(rf'id="{re.escape(name)}-(\d+)"', row)
        if self._row.name != name or number is None:
            return
        last = int(number[1])
        for value in self._rest(name):
            last += 1
            one = re.sub(rf'((?:id|name)="{re.escape(name)}-)\d+"', rf'\g<1>{last}"', row)
            one = re.sub(r'(aria-label="[^"]* )\d+"', rf'\g<1>{last + 1}"', one)
            before, _, after = re.split(r'( value="[^"]*")', one, maxsplit=1)
            self.out.append(f'{before} value="{escape(value)}"{after}')

    def _rest(self, name: str) -> list[str]:
        numbered = [each for each in self._values if re.fullmatch(rf"{re.escape(name)}-\d+", each)]
        numbered.sort(key=lambda each: int(each.rpartition("-")[2]))
        return [text for each in (name, *numbered) for text in self._values.pop(each, []) if text]


def _with(tag: str, attrs: Attributes, mark: str, *, on: bool) -> str:
    return _tag(tag, [*(each for each in attrs if each[0] != mark), *([(mark, None)] if on else [])])


def _tag(tag: str, attrs: Attributes) -> str:
    return "".join(
        (f"<{tag}", *(f" {name}" if text is None else f' {name}="{escape(text)}"' for name, text in attrs), ">")
    )
