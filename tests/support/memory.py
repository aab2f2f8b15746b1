"""What stays in a process between two tests: variables, containers, caches and its environment, put back as they were.

Tests of one process share its modules. Whatever a test leaves in a variable of one of them (a counter, a cache, a
bucket, the settings) is undone after it, found by looking at the modules, so that a new variable needs no line here.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
import types
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from werkzeug.local import LocalProxy

# What may stay, since it depends on its key alone and is dear to make.
KEPT = {
    "authserver.api.openapi._made": "the document by issuer, brand and settings: a quarter of a second",
    "authserver.commits._sent": "counts of each thread, of which only differences are taken",
    "authserver.connect_pages.pages": "pages of docs/connect",
    "authserver.domain.clients.client_id_metadata._in_flight": "places that whoever took one gives back",
    "authserver.domain.clients.keys._key": "keys by their text: importing RSA takes 37 ms",
    "authserver.domain.access.gateway_routes.pattern": "expressions by their text",
    "authserver.domain.ground.mail_layout._templates": "compiled templates",
    "authserver.domain.ground.mail_texts._templates": "compiled templates",
    "authserver.domain.limits.rate_limits.parsed": "limits by their text",
    "authserver.domain.running.revisions.known": "the files of the migrations",
    "authserver.domain.running.revisions.serves": "the same files",
    "authserver.domain.signing.keys._parsed": "keys by kid and bytes: importing RSA takes 37 ms",
    "authserver.edge.static_files.read": "static files, joined, compressed and named by their digests",
    "authserver.edge.request_log._series": "figures by their labels; the figures stay, too",
    "authserver.lib.password_hash._worked": "seconds of each thread, of which only differences are taken",
    "authserver.lib.password_rules._common": "the common passwords of zxcvbn: two milliseconds",
    "authserver.lib.secrets._ids": "identifiers that lie ready: put back, they would be given out twice",
    "authserver.oauth.server._issued": "figures by their labels; the figures stay, too",
}
CONTAINERS = (dict, list, set, deque)
CODE = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
# Nothing can be left inside of these, and they are most of what modules have.
CONSTANT = (*CODE, str, bytes, int, float, tuple, frozenset, re.Pattern, types.NoneType, LocalProxy)

Namespace = dict[str, Any]
Restore = Callable[[], None]


class Memory:
    """How the server's modules stood when this was made."""

    def __init__(self) -> None:
        self._bound = [(namespace, [(name, namespace[name]) for name in names]) for namespace, names in _looked().bound]
        self._undo: list[Restore] = []
        self._environment = dict(os.environ)
        self.keep_contents()

    def keep_contents(self) -> None:
        """Take what is in the containers from now on for what was there: what assembling a server adds stays."""
        self._undo = [undo for namespace, name in _looked().changing if (undo := how_to_undo(namespace[name]))]

    def restore(self) -> None:
        """Put everything back."""
        for namespace, before in self._bound:
            for name, value in before:
                if namespace[name] is not value:
                    namespace[name] = value
        for undo in self._undo:
            undo()
        _put_back(self._environment)


def _put_back(environment: dict[str, str]) -> None:
    """What differs alone: pytest's own variable does after every test, and each write is a call of the system."""
    now = dict(os.environ)
    for name in now.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if now.get(name) != value:
            os.environ[name] = value


def strange() -> dict[str, Any]:
    """Variables by their full name of which nobody here knows whether something can be left in them."""
    return {f"{namespace['__name__']}.{name}": namespace[name] for namespace, name in _looked().strange}


def how_to_undo(value: Any) -> Restore | None:
    """What puts the inside of this value back to what it is now; None if nobody here knows how."""
    if isinstance(value, CONTAINERS):
        return _contents(value)
    if isinstance(value, threading.Event):
        return value.set if value.is_set() else value.clear
    if isinstance(value, ContextVar):
        return _context(value)
    if isinstance(value, functools._lru_cache_wrapper):
        return value.cache_clear
    if _is_ours(type(value)) and hasattr(value, "__dict__"):
        return _attributes(value)
    return None


# ---- looking at the modules ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Looked:
    """Names of whatever is neither code nor constant; of those, what has an inside that changes, or could have one."""

    bound: list[tuple[Namespace, list[str]]]
    changing: list[tuple[Namespace, str]]
    strange: list[tuple[Namespace, str]]


def _looked() -> _Looked:
    return _look(len(sys.modules))


@functools.lru_cache(maxsize=1)
def _look(_imported: int) -> _Looked:
    """Once for as many modules as are imported now."""
    bound, filled = [], {}
    for module in [each for name, each in sys.modules.items() if name.partition(".")[0] == "authserver"]:
        namespace = vars(module)
        names = [name for name, value in namespace.items() if not (_is_constant(name) or isinstance(value, CODE))]
        bound.append((namespace, names))
        for name in names:
            if _has_an_inside(namespace, name):
                # Of several names of one thing, that of the module which made it: it was imported first.
                filled.setdefault(id(namespace[name]), (namespace, name))
    changing = [each for each in filled.values() if how_to_undo(each[0][each[1]])]
    return _Looked(bound, changing, [each for each in filled.values() if each not in changing])


def _is_constant(name: str) -> bool:
    return name.isupper() or name[:2] == "__"


def _has_an_inside(namespace: Namespace, name: str) -> bool:
    value = namespace[name]
    return not (
        isinstance(value, CONSTANT)
        or f"{namespace['__name__']}.{name}" in KEPT
        or (isinstance(value, functools._lru_cache_wrapper) and not _is_ours(value.__wrapped__))
    )


def _is_ours(named: Any) -> bool:
    return str(named.__module__).partition(".")[0] == "authserver"


# ---- putting back -------------------------------------------------------------------------------------------


def _contents(value: Any) -> Restore:
    before = value.copy()

    def undo() -> None:
        if value == before:
            return
        value.clear()
        if isinstance(value, (dict, set)):
            value.update(before)
        else:
            value.extend(before)

    return undo


def _context(variable: ContextVar[Any]) -> Restore | None:
    try:
        before = variable.get()
    except LookupError:  # neither a value nor a default to go back to
        return None

    def undo() -> None:
        if variable.get() is not before:
            variable.set(before)

    return undo


def _attributes(value: Any) -> Restore:
    """An object of one of our own classes: its attributes, and what is in them; a thread that runs goes on."""
    before = dict(vars(value))
    inner = [undo for each in before.values() if not _is_ours(type(each)) and (undo := how_to_undo(each))]

    def undo() -> None:
        for name in vars(value).keys() - before.keys():
            object.__delattr__(value, name)
        for name, old in before.items():
            now = vars(value).get(name)
            if now is not old and not (isinstance(now, threading.Thread) and now.is_alive()):
                object.__setattr__(value, name, old)
        for each in inner:
            each()

    return undo
