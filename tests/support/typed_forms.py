"""The forms of a page with everything that can be typed, ticked or chosen in them, and what they would send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

TICKS = {"checkbox", "radio"}
TOKENS = {"csrf_token", "once"}


@dataclass
class Control:
    """A field as its page wrote it; `options` are those of a list."""

    name: str
    kind: str
    value: str = ""
    on: bool = True
    options: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def sent(self) -> list[tuple[str, str]]:
        if self.kind == "select":
            chosen = [value for value, selected in self.options if selected] or [each[0] for each in self.options[:1]]
            return [(self.name, value) for value in chosen]
        return [(self.name, self.value)] if self.on or self.kind not in TICKS else []


@dataclass
class TypedForm:
    """One form."""

    action: str
    controls: list[Control] = field(default_factory=list)

    @property
    def path(self) -> str:
        return urlsplit(self.action).path

    @property
    def typed(self) -> list[Control]:
        """What people fill in."""
        return [each for each in self.controls if each.kind != "hidden"]

    @property
    def sent(self) -> list[tuple[str, str]]:
        """What its browser sends, but for what no button adds."""
        return [pair for each in self.controls for pair in each.sent]

    @property
    def says(self) -> Counter[tuple[str, str]]:
        """The same, without what each page makes anew and what is empty."""
        return Counter((name, value) for name, value in self.sent if name not in TOKENS and value)

    def fill(self) -> None:
        """Type, tick and choose something else in every field."""
        last = {each.name: each for each in self.controls if each.kind == "radio"}
        for each in self.controls:
            if each.kind == "radio":
                each.on = each is last[each.name]
            elif each.kind == "checkbox":
                each.on = not each.on
            elif each.kind == "select":
                each.options = [
                    (value, number == len(each.options) - 1) for number, (value, _) in enumerate(each.options)
                ]
            elif each.kind == "textarea":
                each.value = 'Two lines\r\n"of" <text> & &amp; é'
            elif each.kind in {"number", "date", "hidden"}:
                each.value = {"number": "7", "date": "2031-02-03"}.get(each.kind, each.value)
            else:
                each.value = f"'typed' <into> & \"{each.name}\""


def of(html: str) -> list[TypedForm]:
    """Every form of a page that changes something."""
    parser = _Parser()
    parser.feed(html)
    return parser.found


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[TypedForm] = []
        self._form: TypedForm | None = None
        self._open: Control | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = TypedForm(given.get("action", ""))
            if given.get("method", "").lower() == "post":
                self.found.append(self._form)
        elif tag == "option" and self._open:
            self._open.options.append((given.get("value", ""), "selected" in given))
        elif self._form and given.get("name") and tag in {"input", "textarea", "select"}:
            kind = given.get("type", "text") if tag == "input" else tag
            value = given.get("value", "on" if kind in TICKS else "")
            self._open = Control(given["name"], kind, value, on="checked" in given)
            self._form.controls.append(self._open)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag in {"textarea", "select"}:
            if self._open and tag == "textarea":
                self._open.value = (
                    self._open.value.removeprefix("\r").removeprefix("\n").replace("\r", "").replace("\n", "\r\n")
                )
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open.kind == "textarea":
            self._open.value += data
