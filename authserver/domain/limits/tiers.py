"""Storages of buckets in the order in which they are asked, each standing in for the one before (contract 11.17)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limits.storage import storage_from_string

from authserver import config
from authserver.config import Settings
from authserver.domain.limits import storages
from authserver.domain.limits.storages import Counting
from authserver.lib import clock, rooms
from authserver.observability import logs, metrics

# A storage that failed is left alone for this long; then one request tries it again.
REST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A bucket after a request; its window ends at `ends_us` (epoch microseconds), `limit` is what was applied."""

    count: int
    ends_us: int
    limit: int
    allowed: bool


class Tier:
    """A storage, the part of each limit that it grants, and a short rest whenever it fails."""

    def __init__(self, name: str, storage: Counting, share: float) -> None:
        self.name, self.storage, self.share = name, storage, share
        self._lock = threading.Lock()
        self._retry_at = 0.0

    @property
    def lost(self) -> bool:
        """Whether it failed when it was last asked."""
        return bool(self._retry_at)

    def ask(self, question: Callable[[Counting, int], tuple[int, int, bool]], limit: int) -> Taken | None:
        """The answer, or None while the storage is lost: the next one is asked then."""
        if self._retry_at and not self._may_try():
            return None
        granted = max(1, int(limit * self.share))
        try:
            count, ends_us, allowed = question(self.storage, granted)
        except Exception as failure:  # whatever a storage raises: a limit never makes a request fail
            self._failed(failure)
            return None
        if self._retry_at:
            self._retry_at = 0.0
            metrics.RATE_LIMIT_STORAGE_LOST.labels(self.name).set(0)
            logs.event("rate_limit_storage_back", storage=self.name)
        return Taken(count, ends_us, granted, allowed)

    def _may_try(self) -> bool:
        """True for one request once the rest is over; the others do not wait for it."""
        with self._lock:
            if time.monotonic() < self._retry_at:
                return False
            self._retry_at = time.monotonic() + REST_SECONDS
            return True

    def _failed(self, failure: Exception) -> None:
        first = not self._retry_at
        self._retry_at = time.monotonic() + REST_SECONDS
        if first:
            metrics.RATE_LIMIT_STORAGE_LOST.labels(self.name).set(1)
            said = f"{type(failure).__name__}: {failure}"[:200]
            logs.event("rate_limit_storage_lost", level="warning", storage=self.name, msg=said)


def take(key: str, seconds: int, limit: int) -> Taken:
    """Take one request from a bucket, in the first storage that answers; no storage's fault is raised."""
    return _ask(lambda storage, granted: storage.take(key, seconds, granted), limit)


def look(key: str, seconds: int, limit: int) -> Taken:
    """See how a bucket stands, in the first storage that answers; no storage's fault is raised."""
    return _ask(lambda storage, granted: storage.look(key, seconds, granted), limit)


def build(settings: Settings) -> tuple[Tier, ...]:
    """The storages of these settings, in the order in which they are asked; a stand-in grants half the limit."""
    path = Path(settings.data_dir).absolute() / storages.FILE
    machine: Any = storage_from_string(f"machine://{path}")
    memory = Tier("process", storages.ProcessStorage(), 0.5 / settings.workers)
    if not settings.redis_url:
        return Tier("machine", machine, 1.0), memory
    return Tier("redis", storages.SharedStorage(settings.redis_url), 1.0), Tier("machine", machine, 0.5), memory


def _ask(question: Callable[[Counting, int], tuple[int, int, bool]], limit: int) -> Taken:
    rooms.about_to_count()
    asked = tiers()
    for tier in asked:
        taken = tier.ask(question, limit)
        if taken is not None:
            _note(per_worker=tier is asked[-1])
            return taken
    # Even memory failed: refuse for a second, which is tight, and no fault of the request.
    return Taken(limit, clock.now_us() + 1_000_000, limit, False)


def _note(*, per_worker: bool) -> None:
    global _per_worker
    if per_worker is not _per_worker:
        _per_worker = per_worker
        metrics.RATE_LIMITS_PER_WORKER.set(per_worker)


def lost() -> tuple[str, ...]:
    """The storages that others see, too, and that this worker finds lost."""
    return tuple(tier.name for tier in tiers()[:-1] if tier.lost)


_per_worker: bool | None = None
_built: tuple[Settings, tuple[Tier, ...]] | None = None
_building = threading.Lock()


def tiers() -> tuple[Tier, ...]:
    """The storages of this process, made at the first use."""
    global _built
    settings, built = config.current(), _built
    if built is None or built[0] is not settings:
        with _building:
            built = _built
            if built is None or built[0] is not settings:
                built = _built = (settings, build(settings))
    return built[1]
