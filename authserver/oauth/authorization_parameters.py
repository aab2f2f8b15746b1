"""The parameters of an authorization request as they were sent, and the error that leads nowhere (RFC 6749 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from authserver.domain.clients.facts import ClientFacts
from authserver.errors import Check
from authserver.lib import form_body


class Untrusted(Exception):
    """Client or redirect URI are not verified: the answer is a page of ours, and nothing leaves this host."""

    def __init__(
        self, message: str, *, parameter: str = "", expected: Sequence[str] = (), received: str | None = None,
        client: ClientFacts | None = None, check: Check | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.message = message
        self.parameter = parameter
        self.expected = expected
        self.received = received
        self.client = client
        self.check = check  # what the owner of the app reads, where the parameter itself is not what is wrong


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters as sent: values by name, and the names that came more than once."""

    values: dict[str, list[str]]
    repeated: frozenset[str]

    def get(self, name: str) -> str | None:
        """The value of a parameter that came once, else None."""
        return self.values[name][0] if name in self.values and name not in self.repeated else None


def read(raw: bytes | str, content_type: str | None = form_body.FORM) -> Parameters:
    """Parse a query (str) or a body (bytes). Raises Untrusted for what is no form at all."""
    repeated: set[str] = set()
    while True:
        try:
            values = form_body.parse_multi(
                raw, repeatable=frozenset({"resource", *repeated}), content_type=content_type
            )
        except form_body.Repeated as error:  # go on, to find out whether the app may be told
            repeated.add(error.name)
        except form_body.FormError as error:
            raise Untrusted(f"The request can't be read: {error}.") from error
        else:
            return Parameters(values, frozenset(repeated))
