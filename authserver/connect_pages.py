"""docs/connect/: how other people's software is set up, for the dashboard and for the tests that follow the pages."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from authserver.assets import assets

KINDS = ("web", "public", "device", "machine", "api", "gateway", "webhook")
MEASURED = ("unaided", "with settings", "checked, not run", "impossible")
NAMES = ("issuer", "client_id", "client_secret", "redirect_uri", "site", "resource")
# What may stand in any language's quotes, and in shells and INI files without them: nothing of an app's owner can
# end a string of the program that somebody else pastes.
_HARMLESS = re.compile(r"[A-Za-z0-9._~:/?@%+=&,\[\]-]*")
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_CODE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"\s*(#|//|--)")
_SPAN = re.compile(r"`([^`]+)`|\[([^\]]+)\]\(([^)]+)\)|\*([^*\s][^*]*)\*")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a sentence: plain, `code`, *stressed*, or a link."""

    text: str
    code: bool = False
    href: str = ""
    stressed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A heading, a paragraph, a list, or a block of code with the name of its file."""

    kind: str  # heading, paragraph, list, code
    text: str = ""
    file: str = ""
    language: str = ""

    @property
    def spans(self) -> tuple[Span, ...]:
        """A paragraph's pieces."""
        return _spans(self.text)

    @property
    def items(self) -> tuple[tuple[Span, ...], ...]:
        """A list's lines, each in pieces."""
        return tuple(_spans(line) for line in self.text.splitlines())


@dataclass(frozen=True, slots=True)
class Page:
    """One software's page: its facts, and what it says."""

    name: str
    title: str
    kind: str
    settings: int  # lines that its own documentation does not show
    measured: str
    tested: str  # names and versions of what ran
    redirect: str  # path of its redirect URI; empty where it has none or the person chooses
    note: str
    agent: str  # how its own User-Agent begins; empty where it sends its language's or that of a library
    path: str  # its redirect URI's path where nothing else has the same; * stands for a name
    parts: tuple[Part, ...]

    @property
    def sentence(self) -> str:
        """The same for whoever sets it up."""
        lines = "One line" if self.settings == 1 else f"{self.settings} lines"
        return {
            "unaided": "Set up as its own documentation shows.",
            "with settings": f"{lines} beyond what its own documentation shows first.",
            "checked, not run": "Compared with its documentation; not run with this server.",
            "impossible": "It cannot sign in here.",
        }[self.measured]

    @property
    def summary(self) -> str:
        """How it was measured, in a line of a table."""
        if self.measured == "with settings":
            return "1 line" if self.settings == 1 else f"{self.settings} lines"
        return self.measured

    def filled(self, values: Mapping[str, str]) -> Page:
        """The page with an app's values in place of the placeholders. What could end a quoted string stays out."""
        return replace(self, parts=tuple(replace(part, text=fill(part.text, values)) for part in self.parts))

    def without(self, heading: str) -> Page:
        """The page without one section."""
        kept: list[Part] = []
        inside = False
        for part in self.parts:
            inside = part.text == heading if part.kind == "heading" else inside
            if not inside:
                kept.append(part)
        return replace(self, parts=tuple(kept))

    def about(self, *patterns: re.Pattern[str]) -> tuple[Part, ...]:
        """The lines of its configuration for signing in that fit one, with their files; also what a sentence sets."""
        found = ((part, _fitting(part, patterns)) for part in self.without("Register").without("Sign out").parts)
        return tuple(Part("code", "\n".join(lines), part.file, part.language) for part, lines in found if lines)

    def files(self) -> dict[str, str]:
        """The configuration: text by file name."""
        return {part.file: part.text for part in self.parts if part.kind == "code" and part.file}

    def commands(self) -> list[str]:
        """Lines for a shell, in the order of the page."""
        blocks = [part.text for part in self.parts if part.kind == "code" and part.language == "sh" and not part.file]
        return [line for text in blocks for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def _fitting(part: Part, patterns: Sequence[re.Pattern[str]]) -> list[str]:
    lines = part.text.splitlines() if part.kind == "code" else _settings(part)
    fits = (line for line in lines if any(each.search(line) for each in patterns))
    return [line.strip() for line in fits if not _COMMENT.match(line)]


def _settings(part: Part) -> list[str]:
    """Code within sentences that sets something: a bare name only speaks of it."""
    spans = [span for item in part.items for span in item] if part.kind == "list" else list(part.spans)
    return [span.text for span in spans if span.code and re.search(r"[=:( ]", span.text)]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with known and harmless values in place of the placeholders; others stand there as YOUR_NAME."""

    def value(found: re.Match[str]) -> str:
        given = values.get(found[1], "")
        return given if given and _HARMLESS.fullmatch(given) else f"YOUR_{found[1].upper()}"

    return _PLACEHOLDER.sub(value, text)


def site(redirect_uri: str) -> str:
    """Scheme and host of an application, by where people come back to."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


@functools.cache
def pages() -> dict[str, Page]:
    """All pages by their names, sorted by title."""
    folder = assets() / "docs" / "connect"
    found = [parse(file.stem, file.read_text("utf-8")) for file in folder.glob("*.md") if file.stem != "README"]
    return {page.name: page for page in sorted(found, key=lambda page: page.title.lower())}


def parse(name: str, text: str) -> Page:
    """Read one page. Raises ValueError with what is wrong in it."""
    _, facts, body = text.split("---\n", 2)
    given = dict(line.split(": ", 1) for line in facts.splitlines() if line.strip())
    missing = {"title", "kind", "settings", "measured", "tested"} - given.keys()
    if missing or given["kind"] not in KINDS or given["measured"] not in MEASURED:
        raise ValueError(f"{name}: {sorted(missing) or given}")
    return Page(
        name,
        given["title"],
        given["kind"],
        int(given["settings"]),
        given["measured"],
        given["tested"],
        given.get("redirect", ""),
        given.get("note", ""),
        given.get("agent", ""),
        given.get("path", ""),
        tuple(_parts(body)),
    )


def _parts(body: str) -> Iterator[Part]:
    last = 0
    for found in _CODE.finditer(body):
        yield from _prose(body[last : found.start()])
        yield Part("code", found[3].removesuffix("\n"), found[2], found[1])
        last = found.end()
    yield from _prose(body[last:])


def _prose(text: str) -> Iterator[Part]:
    for block in re.split(r"\n{2,}", text.strip()):
        if block.startswith("## "):
            yield Part("heading", block[3:])
        elif block.startswith("- "):
            yield Part("list", re.sub(r"\n +", " ", block.removeprefix("- ")).replace("\n- ", "\n"))
        elif block and not block.startswith("# "):
            yield Part("paragraph", block.replace("\n", " "))


def _spans(text: str) -> tuple[Span, ...]:
    spans, last = [], 0
    for found in _SPAN.finditer(text):
        spans.append(Span(text[last : found.start()]))
        code, linked, href, stressed = found.groups(default="")
        spans.append(Span(code or linked or stressed, code=bool(code), href=href, stressed=bool(stressed)))
        last = found.end()
    return tuple(each for each in (*spans, Span(text[last:])) if each.text)
