"""Domain errors: a public text for the caller, a detail for the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at before a refusal, for the owner's eyes: what had to be, and what was."""

    check: str
    ok: bool
    expected: str = ""
    received: str = ""


class DomainError(Exception):
    """A refusal the caller may read about.

    `public` never repeats input; `detail` goes to the log alone. `field` names the form field, where there is one.
    """

    status = 400

    def __init__(self, public: str, detail: str = "", *, field: str = "") -> None:
        super().__init__(public)
        self.public = public
        self.detail = detail or public
        self.field = field
        self.checks: tuple[Check, ...] = ()

    def because(self, *checks: Check) -> Self:
        """The same refusal, with what was looked at; never a secret."""
        self.checks = checks
        return self


class Invalid(DomainError):
    """The input breaks a rule; `problems` maps field names to sentences."""

    status = 422

    def __init__(
        self, public: str, detail: str = "", *, field: str = "", problems: dict[str, str] | None = None
    ) -> None:
        super().__init__(public, detail, field=field)
        self.problems = problems or ({field: public} if field else {})


class NotFound(DomainError):
    """There is no such thing, or it is none of the caller's business: the two answers are the same."""

    status = 404


class Denied(DomainError):
    """The caller is known and may not."""

    status = 403


class Conflict(DomainError):
    """Something else happened first."""

    status = 409


class RateLimited(DomainError):
    """Too many attempts; `retry_after` in seconds."""

    status = 429

    def __init__(self, public: str, detail: str = "", *, retry_after: int = 1, field: str = "") -> None:
        super().__init__(public, detail, field=field)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part we need does not answer; the caller may try again after `retry_after` seconds."""

    status = 503

    def __init__(self, public: str, detail: str = "", *, retry_after: int = 2) -> None:
        super().__init__(public, detail)
        self.retry_after = retry_after


class BadSettings(Exception):
    """Settings are unknown or wrong: a line for each, the first of which stops the start. Never holds a secret."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        more = f" ({len(self.problems) - 1} more: authserver config check)" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}"
