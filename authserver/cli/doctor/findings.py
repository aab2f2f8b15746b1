"""What the doctor found: one line each, with what mends it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from authserver.cli import output, terminal
from authserver.config import Settings
from authserver.errors import DomainError
from authserver.lib import quoting, secrets

MARKS = {"ok": "✓", "warn": "!", "bad": "✗", "skip": "–"}
COLOURS = {"ok": "green", "warn": "yellow", "bad": "red", "skip": "bright_black"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `state` is ok, warn, bad or skip (not tried); `fault` says whose it is, `remedy` what mends it."""

    check: str
    state: str
    text: str
    remedy: str = ""
    fault: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def tell(findings: list[Finding]) -> bool:
    """Print them; whether none is bad."""
    output.emit([dataclasses.asdict(each) for each in findings], output.Ready("\n".join(map(_line, findings))))
    return all(each.state != "bad" for each in findings)


def _line(finding: Finding) -> str:
    fault = f" [{finding.fault}]" if finding.fault else ""
    remedy = f"\n    {finding.remedy}" if finding.remedy else ""
    mark = terminal.painted(MARKS[finding.state], sys.stdout, fg=COLOURS[finding.state])
    return " ".join((mark, quoting.inert(f"{finding.check}{fault}: {finding.text}{remedy}", kept="\n")))


def guarded(name: str, found: Iterator[Finding]) -> Iterator[Finding]:
    """What a check finds; one that breaks is itself a finding, without secrets."""
    try:
        yield from found
    except DomainError as error:
        yield Finding(name, "bad", error.public)
    except Exception as error:
        first = " ".join(str(getattr(error, "orig", error)).split())[:200]
        yield Finding(name, "bad", secrets.redact(f"{type(error).__name__}: {first}"))
