"""What somebody entered, repeated in a sentence about it (ux.md 2.4): short, and in visible characters alone."""

import re
from collections.abc import Collection, Iterable

MAX_LENGTH = 60
_LINKED = re.compile(r"://|(?<=\w)\.(?=[^\W\d_]{2})|@(?=\w)")
_USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]{0,30}:/*)[^/?#]*@")


def shown(text: str) -> str:
    """A value as a sentence may repeat it: cut after 60 characters, with `?` for what nobody would see.

    A name and a password before the host of a URL are left out: what is wrong is that they are there.
    """
    text = _USER.sub(r"\1•••@", text)
    cut = text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"
    if cut.isprintable():
        return cut
    return "".join(character if character.isprintable() else "?" for character in cut)


def refused(text: str, problem: str) -> str:
    """A sentence about a value that cannot be used, which `problem`, a sentence of its own, explains."""
    return f"{shown(text)} can't be used: {problem[0].lower()}{problem[1:]}" if text else problem


def strangers(asked: Iterable[str], known: Collection[str]) -> str:
    """Those of the asked that are unknown, as a sentence may name them: the first three, and how many more."""
    unknown = [shown(each) for each in asked if each not in known]
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    return ", ".join(unknown[:3]) + more


def inert(text: str, *, kept: str = "") -> str:
    """A text without what would steer a terminal or turn its reading around: escapes stand for it; `kept` stays."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in kept else ascii(sign)[1:-1] for sign in text)


def unlinked(text: str) -> str:
    """A text in which no program that shows it sees a link or an address: `https[://]site[.]example`."""
    return _LINKED.sub(lambda found: f"[{found[0]}]", text)
