"""Where settings come from: the environment and `authserver.toml`. Every text keeps the name of its source."""

from __future__ import annotations

import difflib
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authserver.config import service_links
from authserver.config.settings import FIELDS, SECRETS

PREFIX = "AUTHSERVER_"
DEFAULT_FILE = "authserver.toml"
FILE_VARIABLE = PREFIX + "CONFIG"
# Names that other platforms set for every program; ours win over them.
PLAIN_NAMES = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "PORT": "port",
    "WEB_CONCURRENCY": "workers",
}
MAX_FILE = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Given:
    """What was set, and where."""

    text: str
    source: str


@dataclass(slots=True)
class Reading:
    """Everything that was set by name, what could not be read, and the variables that are none of ours."""

    given: dict[str, Given] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def read(environ: Mapping[str, str], file: Path | None) -> Reading:
    """The file, and over it the environment."""
    reading = Reading()
    _read_file(reading, file_path(file, environ), named=bool(file or environ.get(FILE_VARIABLE)))
    for name, key in PLAIN_NAMES.items():
        if environ.get(name):
            reading.given[key] = Given(environ[name], name)
    for name, text in environ.items():
        if name.startswith(PREFIX) and name != FILE_VARIABLE:
            _read_variable(reading, environ, name, text)
    return reading


def file_path(file: Path | None, environ: Mapping[str, str]) -> Path:
    """The settings file of this run, whether it is there or not."""
    return file or Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)


def exposed_secrets(environ: Mapping[str, str], file: Path | None) -> dict[str, Path]:
    """Files with secrets that every account of this machine may read, by the setting (docs/decisions/0013)."""
    files = {key: Path(environ[_file_variable(key)]) for key in SECRETS if _file_variable(key) in environ}
    in_file = Reading()
    path = file_path(file, environ)
    _read_file(in_file, path, named=False)
    files |= {key: path for key in in_file.given if key in SECRETS}
    return {key: path for key, path in files.items() if path.stat().st_mode & stat.S_IROTH}


def _read_variable(reading: Reading, environ: Mapping[str, str], name: str, text: str) -> None:
    key = name.removeprefix(PREFIX).lower()
    if service_links.is_one(name, text):
        reading.ignored.append(name)
        return
    if key.endswith("_file") and key.removesuffix("_file") in FIELDS:
        key = key.removesuffix("_file")
        if environ.get(PREFIX + key.upper()):
            reading.problems.append(f"{name} and {PREFIX}{key.upper()}: set one of the two")
            return
        try:
            text = _read_secret(Path(text))
        except ValueError as wrong:
            reading.problems.append(f"{name}: {wrong}")
            return
    if unknown := _unknown(key, name):
        reading.problems.append(unknown)
        return
    reading.given[key] = Given(text, name)


def _read_file(reading: Reading, path: Path, *, named: bool) -> None:
    try:
        table = tomllib.loads(_read_text(path, "utf-8-sig"))  # editors on Windows begin a file with a byte order mark
    except FileNotFoundError:
        if named:
            reading.problems.append(f"{path}: there is no such file")
        return
    except tomllib.TOMLDecodeError as error:
        reading.problems.append(f"{path}: not readable as TOML: {_position(error)}; texts stand in quotes")
        return
    except ValueError as wrong:
        reading.problems.append(f"{path}: {wrong}")
        return
    for key, value in table.items():
        problem = _unknown(key, str(path)) or _wrong_type(key, value, str(path))
        if problem:
            reading.problems.append(problem)
        else:
            reading.given[key] = Given(_as_text(value), str(path))


def _read_secret(path: Path) -> str:
    try:
        text = _read_text(path, "utf-8").strip()
    except FileNotFoundError:
        raise ValueError("there is no such file as it names") from None
    if text.startswith("\ufeff"):
        raise ValueError("the file it names begins with a byte order mark; save it without one (as plain UTF-8)")
    if not text:
        raise ValueError("the file it names is empty")
    return text


def _read_text(path: Path, encoding: str) -> str:
    """The text of a file. Raises FileNotFoundError, or ValueError with what keeps it from being read."""
    try:
        if path.is_file() and path.stat().st_size > MAX_FILE:
            raise ValueError(f"the file has more than {MAX_FILE:,} bytes, so it is another one than meant")
        return path.read_text(encoding=encoding)
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise ValueError("this is a folder, and a file is needed") from None
    except PermissionError:
        raise ValueError("this account may not read the file; chown or chmod it") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror})") from None


def _position(error: tomllib.TOMLDecodeError) -> str:
    """Line and column of the mistake; the rest of the message could repeat what stands there."""
    place = str(error).rpartition("(at ")[2].removesuffix(")")
    return place if place.startswith(("line", "end")) else "somewhere in it"


def _wrong_type(key: str, value: Any, path: str) -> str:
    many = FIELDS[key].type == "tuple[str, ...]"
    parts: Iterable[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not many:
        return f"{key} (set in {path}): one value is needed, not a list"
    if not all(isinstance(part, str) for part in parts) and (many or FIELDS[key].type != "int"):
        return f"{key} (set in {path}): a text in quotes is needed"
    if FIELDS[key].type == "int" and (isinstance(value, bool) or not isinstance(value, int | str)):
        return f'{key} (set in {path}): a whole number is needed, or a text such as "15m"'
    return ""


def _as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _file_variable(key: str) -> str:
    return f"{PREFIX}{key.upper()}_FILE"


def _unknown(key: str, source: str) -> str:
    """The sentence for a name that is no setting; empty for one that is."""
    if key in FIELDS and key != "demo":
        return ""
    near = difflib.get_close_matches(key, FIELDS, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; `authserver config docs` lists all"
    name = key[:60] if key.isascii() and key.isprintable() else "of this name"
    return f"{source}: there is no setting {name!r}{hint}"
