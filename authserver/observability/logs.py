"""One JSON object a line, redacted, for everything this process says (ux.md 4.5)."""

from __future__ import annotations

import atexit
import functools
import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from authserver.config import Settings
from authserver.lib import clock, quoting, secrets
from authserver.observability import context
from authserver.observability.line_writer import LineWriter

if TYPE_CHECKING:
    from structlog.dev import ConsoleRenderer

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# ASCII alone: U+0085 and its like would end a line for many who read it, or steer a terminal.
_ENCODE = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode
# These come first in a line, in this order; what else an event has follows.
ORDER = (
    "ts", "level", "event", "request_id", "trace_id", "route", "method", "status", "ms", "ip",
    "client_id", "sub", "grant", "error", "msg",
)  # fmt: skip
MAX_TEXT = 4000  # characters of one line's longest member: a traceback fits, a hostile body does not

_threshold = LEVELS["info"]
_behind: LineWriter | None = None


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send events and every library's logging to `stream` (stderr), as JSON or, for a terminal, in colours."""
    global _threshold
    _threshold = LEVELS[settings.log_level.lower()]
    out = stream or sys.stderr
    console = settings.log_format == "console" or (settings.log_format == "auto" and out.isatty())
    _install(_for_people() if console else _as_json, _Line(stream).write)
    logging.basicConfig(handlers=[Handler()], level=max(_threshold, LEVELS["warning"]), force=True)
    logging.captureWarnings(True)


def write_behind(*, dropped: Callable[[int], object] = int) -> None:
    """From now on a thread writes the lines to stderr: whoever serves must not wait for who reads them.

    `dropped` is told how many lines found the buffer full. What waits is written when the process ends, see `flush`.
    """
    global _behind
    if _behind is None:
        _behind = LineWriter(sys.stderr.fileno(), note=_missing, dropped=dropped)
        atexit.register(flush)


def flush() -> None:
    """Write what waits, for a second at most; the children of multiprocessing have to call it as they end."""
    if _behind is not None:
        _behind.flush()


def event(name: str, level: str = "info", **members: Any) -> None:
    """Write one line: what happened, and members that stay plain values. Never raises."""
    if LEVELS[level] < _threshold:
        return
    _log(level, name, members)


def failure(name: str, error: BaseException, level: str = "error", **members: Any) -> None:
    """Write one line about an exception, with its traceback; the caller goes on."""
    trace = "".join(traceback.format_exception(error))[-MAX_TEXT:]
    event(name, level, error=type(error).__name__, msg=str(error)[:MAX_TEXT], traceback=trace, **members)


class Handler(logging.Handler):
    """Routes the standard library's logging, and with it every third party's, into our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """One record, one event named `log`."""
        members: dict[str, Any] = {"logger": record.name, "msg": _message(record)}
        if record.exc_info and record.exc_info[0]:
            members["error"] = record.exc_info[0].__name__
            members["traceback"] = "".join(traceback.format_exception(*record.exc_info))[-MAX_TEXT:]
        level = record.levelname.lower()
        event("log", level if level in LEVELS else "error" if record.levelno > logging.ERROR else "debug", **members)


class _Line:
    """Writes one line with one call, so that the lines of several processes do not mix."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if self._stream is None and _behind is not None:
            _behind.write(text)
            return
        stream = self._stream or sys.stderr
        try:
            try:
                stream.write(text + "\n")
            except UnicodeEncodeError:  # half a character, from a hostile header
                stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
            stream.flush()
        except (OSError, ValueError):
            pass  # a full disk or a closed pipe: losing a line is better than failing a request


def _bare(_level: str, name: str, _members: dict[str, Any]) -> str:
    """A line before `configure` has run."""
    return name


_render: Callable[[str, str, dict[str, Any]], str] = _bare


def _missing(count: int) -> str:
    """The line in place of so many that nobody took in time."""
    return _render("warning", "log_lines_dropped", {"count": count, "msg": "nobody took the lines in time"})


def _install(render: Callable[[str, dict[str, Any]], str], write: Callable[[str], None]) -> None:
    """Bind what a line passes once: looking it up for every line would cost as much as the line."""
    global _log, _render

    def line(level: str, name: str, members: dict[str, Any]) -> str:
        return secrets.redact(render(level, _complete(level, {"event": name, **members})))

    def log(level: str, name: str, members: dict[str, Any]) -> None:
        try:
            write(line(level, name, members))
        except Exception as error:
            write(_ENCODE({"level": "error", "event": "log.failed", "error": type(error).__name__}))

    _log, _render = log, line


def _log(level: str, name: str, members: dict[str, Any]) -> None:
    """Before `configure`, say nothing: a library use of the package owns its own logging."""


def _complete(level: str, members: dict[str, Any]) -> dict[str, Any]:
    """Add the time, the level and who asks, in the order of the columns."""
    asked = context.current()
    who = {"request_id": asked.request_id, "trace_id": asked.trace_id, "ip": asked.ip}
    found = {"ts": _timestamp(), "level": level, **who, **members}
    ordered = {name: found[name] for name in ORDER if name in found}
    ordered |= found
    return {name: value for name, value in ordered.items() if value is not None and value != ""}


def _timestamp() -> str:
    now = clock.now_us()
    return f"{_second(now // 1_000_000)}.{now // 1000 % 1000:03d}Z"


_last_second = (0, "")


def _second(now: int) -> str:
    """The second as text; the lines of one second share it."""
    global _last_second
    second, text = _last_second
    if second != now:
        text = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _last_second = (now, text)
    return text


def _as_json(_level: str, members: dict[str, Any]) -> str:
    return _ENCODE(members)


@functools.cache
def _renderer() -> ConsoleRenderer:
    # Imported by the first line: most commands on a terminal write none.
    from structlog.dev import ConsoleRenderer

    return ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24, sort_keys=False)


def _for_people() -> Callable[[str, dict[str, Any]], str]:
    _renderer.cache_clear()  # whether stderr is a terminal may have changed

    def console(level: str, members: dict[str, Any]) -> str:
        members["timestamp"] = members.pop("ts", "")[11:23]
        trace = members.pop("traceback", "")
        members = {name: _inert(value) for name, value in members.items()}
        return str(_renderer()(None, level, members)) + (f"\n{trace}" if trace else "")

    return console


def _inert(value: Any) -> Any:
    """Without what would steer a terminal: a path that a stranger asks for can hold it."""
    return quoting.inert(value) if isinstance(value, str) else value


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()[:MAX_TEXT]
    except Exception:
        return str(record.msg)[:MAX_TEXT]
