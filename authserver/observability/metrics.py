"""Where code counts: `figures` by another name, imported when the first figure is asked for.

The library takes a tenth of a second, which a command that counts nothing does not wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authserver.observability.figures import *  # noqa: F403  # its names are ours


def __getattr__(name: str) -> Any:
    """Any public name of `figures`; from then on all of them are plain names here."""
    if name.startswith("_"):
        raise AttributeError(name)
    from authserver.observability import figures

    found = getattr(figures, name)
    globals().update((each, value) for each, value in vars(figures).items() if not each.startswith("_"))
    return found
