"""A lease that lasts as long as the work: renewed while somebody works, and over soon after they died."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from authserver.observability import logs


@contextlib.contextmanager
def renewed(renew: Callable[[], bool], *, every: float) -> Iterator[None]:
    """Call `renew` every so many seconds while the block works, until it answers that the lease is somebody else's."""
    done = threading.Event()

    def keep() -> None:
        while not done.wait(every):
            try:
                if not renew():
                    return
            except Exception as failure:  # the database may be back before the lease ends
                logs.event("lease_not_renewed", level="warning", error=type(failure).__name__)

    keeper = threading.Thread(target=keep, name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
