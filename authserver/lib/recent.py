"""A memory with an end that keeps what is used: the older of two generations is forgotten once the younger is full."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `limit` values by key, for threads. A value that is asked for again and again stays, however many others
    come and go; to find one in the younger generation takes no lock.
    """

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._lock = threading.Lock()
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._age = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, key: K) -> V | None:
        """The value, or None."""
        value = self._young.get(key)
        return value if value is not None else self._used_again(key)

    def _used_again(self, key: K) -> V | None:
        if key not in self._old:
            return self._young.get(key)  # perhaps another thread was faster
        with self._lock:
            value = self._old.pop(key, None)
            if value is None:
                return self._young.get(key)
            self._put(key, value)
        return value

    @property
    def age(self) -> int:
        """To be read before a value is made that `keep` shall take only if nothing was forgotten meanwhile."""
        return self._age

    def keep(self, key: K, value: V, *, age: int | None = None) -> None:
        """Remember a value, unless something was forgotten since `age`: it may have been made from what was before."""
        with self._lock:
            if age is None or age == self._age:
                self._old.pop(key, None)
                self._put(key, value)

    def forget(self, keys: Iterable[K] | None = None, *, where: Callable[[V], bool] | None = None) -> None:
        """Forget these and those `where` it is so, or without keys everything; and what others are about to keep."""
        with self._lock:
            self._age += 1
            if keys is None:
                self._young, self._old = {}, {}
                return
            gone = {*keys}
            for each in (self._young, self._old):
                if where is not None:
                    gone.update(key for key, value in each.items() if where(value))
                for key in gone & each.keys():
                    del each[key]

    def _put(self, key: K, value: V) -> None:
        if len(self._young) >= self._half and key not in self._young:
            self._young, self._old = {}, self._young
        self._young[key] = value
