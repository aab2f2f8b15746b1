"""The HTML twin of a mail: laid out from its text, so that both always say the same."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authserver.assets import assets
from authserver.lib import colours, icons

if TYPE_CHECKING:
    from jinja2 import Environment

_ITEM = re.compile(r"(?:- |  )(\S.*)")
# A line that begins so is a fact, not a sentence.
_FACT = re.compile(r"(When|Where|From|App|APIs|Ends|Found at|Last answer): (\S.*)")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a mail by what it is: text, items, facts or button.

    `lines` has the words of a text, each of the items, label and value of each fact one after the other, or the words
    on a button and where it leads.
    """

    kind: str
    lines: tuple[str, ...]


def html(subject: str, body: str, *, brand: str, issuer: str, accent: str = "") -> str:
    """A whole page for readers of mail: no script, no picture, nothing fetched; light and dark.

    Only what leads to `issuer` is a link: other people's words lead nowhere. `accent` is a colour such as `#0d5f52`.
    """
    fill = accent or icons.PINE
    shown = {"parts": list(parts(body, issuer)), "subject": subject, "brand": brand, "issuer": issuer}
    return _templates().get_template("_layout.htm").render(**shown, fill=fill, on_fill=colours.readable_on(fill))


def parts(body: str, issuer: str) -> Iterator[Part]:
    """A text's paragraphs by what they look like; the last one, which names the sender, is left out."""
    for paragraph in re.split(r"\n\s*\n", body.strip())[:-1]:
        yield from _parts(paragraph.split("\n"), issuer)


def _parts(lines: Sequence[str], issuer: str) -> Iterator[Part]:
    if len(lines) == 2 and lines[0].endswith(":") and leads_to(lines[1], issuer):
        yield Part("button", (lines[0].removesuffix(":"), lines[1]))
        return
    facts = [_FACT.fullmatch(line) for line in lines]
    if all(facts):
        yield Part("facts", tuple(text for fact in facts if fact for text in fact.groups()))
        return
    words = [line for line in lines if not _ITEM.fullmatch(line)]
    items = [found[1] for line in lines if (found := _ITEM.fullmatch(line))]
    if words:
        yield Part("text", tuple(" ".join(words).split(" ")))
    if items:
        yield Part("items", tuple(items))


def leads_to(text: str, issuer: str) -> bool:
    """Whether a text is an address of this server and nothing else."""
    return text.startswith(issuer + "/") and not re.search(r"\s", text)


@functools.cache
def _templates() -> Environment:
    # Imported by the first mail of a process.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(assets() / "templates" / "mail"), undefined=StrictUndefined, autoescape=True
    )
    found.globals["leads_to"] = leads_to
    return found
