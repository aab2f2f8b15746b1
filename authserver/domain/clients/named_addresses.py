"""What lies at an address that an app's registration names: asked once, when the app is saved, by the guard's rules."""

from __future__ import annotations

from collections.abc import Mapping

from authserver.domain import outbound
from authserver.errors import Invalid


def read(uri: str, *, what: str, field: str, headers: Mapping[str, str], timeout: float) -> bytes:
    """The whole answer's body. In a room where one may wait. Raises Invalid for the field; `what` was
    expected; `timeout` in seconds."""
    try:
        answer = outbound.fetch(uri, "GET", dict(headers), b"", timeout=timeout)
    except outbound.Blocked as refused:
        raise Invalid(f"This address is not asked: {refused}", field=field) from None
    except outbound.Failed as failure:
        raise Invalid("This address gave no answer.", str(failure), field=field) from None
    if answer.status != 200 or answer.cut:
        raise Invalid(f"There is no {what} of at most 64 kB at this address.", field=field)
    return answer.body
