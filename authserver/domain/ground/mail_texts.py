"""The texts of mails, from the files of templates/mail: in them other people's words lead nowhere and forge no line."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, Any

from authserver import config
from authserver.assets import assets
from authserver.lib import durations, quoting

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> tuple[str, str]:
    """Subject and body."""
    settings = config.current()
    told = {name: _inert(name, value) for name, value in values.items()}
    text = _templates().get_template(f"{template}.txt").render(brand=settings.brand, issuer=settings.issuer, **told)
    subject, _, body = text.partition("\n")
    return _one_line(subject.removeprefix("Subject: "))[:200], body.strip() + "\n"


# What others chose, strangers perhaps: a mail of ours leads nowhere in their words.
_OF_OTHERS = frozenset({"app", "apps", "browser", "found_at", "key", "webhook", "what"})


def _inert(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_inert(name, each) for each in value]
    line = _one_line(value)
    return quoting.unlinked(line) if name in _OF_OTHERS and isinstance(line, str) else line


def _one_line(value: Any) -> Any:
    # A name with a line break could forge a paragraph of the mail; headers are guarded by EmailMessage besides.
    if isinstance(value, list):
        return [_one_line(each) for each in value]
    if not isinstance(value, str):
        return value
    ends = {"Zl", "Zp"}  # U+2028 and U+2029 end lines too
    kinds = ((character, unicodedata.category(character)) for character in value)
    return "".join(" " if kind[0] == "C" or kind in ends else character for character, kind in kinds).strip()


@functools.cache
def _templates() -> Environment:
    # Imported by the first mail of a process.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701  # these templates are plain text
        loader=FileSystemLoader(assets() / "templates" / "mail"), undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"absolute": durations.absolute, "in_words": durations.in_words}
    return environment
