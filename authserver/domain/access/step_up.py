"""What an API asks of the sign-in behind a token: how long ago it may be, and how sure (RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from authserver.domain.access import resources
from authserver.lib import acr


@dataclass(frozen=True, slots=True)
class Demand:
    """`max_age` in seconds, None for a sign-in of any age; `acr_values` empty for any class."""

    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def is_met(self, auth_time: int | None, reached: str, now: int) -> bool:
        """Whether a sign-in then, of that class, is enough; None is no sign-in at all."""
        if self.max_age is not None and (auth_time is None or now - auth_time > self.max_age):
            return False
        return not self.acr_values or acr.satisfies(reached, self.acr_values)

    @property
    def parameters(self) -> dict[str, str]:
        """What an authorization request sends to meet it, and a challenge says (section 3)."""
        said = {"acr_values": " ".join(self.acr_values)} if self.acr_values else {}
        return said | ({"max_age": str(self.max_age)} if self.max_age is not None else {})


def demanded(identifiers: Iterable[str]) -> Demand:
    """What these APIs ask for, taken together: the shortest age, and the surest class."""
    registered = resources.all()
    found = [registered[each] for each in identifiers if each in registered]
    ages = [each.max_age for each in found if each.max_age is not None]
    classes = [tuple(each.acr_values.split()) for each in found if each.acr_values]
    return Demand(min(ages, default=None), max(classes, key=_weakest, default=()))


def _weakest(values: tuple[str, ...]) -> int:
    return min(acr.ORDER.index(each) for each in values)
