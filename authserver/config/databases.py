"""URLs of databases: what they may be, which hosts they lead to, and whether the way there is protected."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlencode

from authserver.config.kinds import BAD_PERCENT, Wrong
from authserver.config.settings import is_loopback

_SCHEMES = ("postgresql+psycopg://", "postgresql://", "postgres://")
_EXAMPLE = "sqlite:///var/authserver.sqlite3 or postgresql://user@host/name is needed"
_QUOTED = "in a name or password, space is written %20, percent %25, @ %40, : %3A, / %2F, # %23, ? %3F"


def url(text: str) -> str:
    """A database URL as it was given, if it can work."""
    if text.startswith("sqlite:"):
        _require_sqlite_file(text)
    elif text:
        options(text)
    return text


def spelled(text: str) -> str:
    """A URL in SQLAlchemy's spelling. Several hosts and sockets, which it does not understand where libpq has them,
    become parameters, which both understand."""
    if not text.startswith(_SCHEMES):
        return text
    plain = _SCHEMES[0] + text.partition("://")[2]
    if "," not in plain and "%2f" not in plain.lower():
        return plain
    found = options(text)
    account = ":".join(quote(found.pop(name), safe="") for name in ("user", "password") if name in found)
    name = quote(found.pop("dbname", ""), safe="")
    return f"{_SCHEMES[0]}{account and account + '@'}/{name}?{urlencode(found)}"


def options(text: str) -> dict[str, str]:
    """What libpq understands of a URL: `host`, `port`, `sslmode` and so on, only those that are set."""
    if not text.startswith(_SCHEMES):
        raise Wrong(_EXAMPLE)
    rest = text.partition("://")[2]
    if re.search(r"\s", text) or BAD_PERCENT.search(text) or re.split(r"[/?]", rest)[0].count("@") > 1:
        raise Wrong(f"{_EXAMPLE}; {_QUOTED}")
    from psycopg import OperationalError, pq

    try:
        parsed = pq.Conninfo.parse(f"postgresql://{rest}".encode())
    except OperationalError:
        raise Wrong(f"{_EXAMPLE}; {_QUOTED}; after ? stand parameters of libpq such as sslmode=verify-full") from None
    found = {option.keyword.decode(): option.val.decode() for option in parsed if option.val}
    for port in found.get("port", "").split(","):
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise Wrong(f"{_EXAMPLE}; a port is a number from 1 to 65535; {_QUOTED}")
    return found


def is_protected(text: str) -> bool:
    """Whether nobody between here and the database can read or change what is said: it is on this machine, or its
    certificate and name are verified. `require` does neither."""
    if not text.startswith(_SCHEMES):
        return True
    found = options(text)
    mode = found.get("sslmode") or os.environ.get("PGSSLMODE")
    if mode:
        verified = mode == "verify-full"
    else:
        verified = "system" in (found.get("sslrootcert"), os.environ.get("PGSSLROOTCERT"))  # libpq then verifies
    return verified or all(map(_is_here, _places(found)))


def _places(found: dict[str, str]) -> list[str]:
    """The hosts that libpq would try; a service is a name for hosts that stand elsewhere."""
    for where, prefix in ((found, ""), (os.environ, "PG")):
        for name in ("hostaddr", "host"):
            if places := where.get(f"{prefix}{name.upper()}" if prefix else name):
                return places.split(",")
        if where.get("PGSERVICE" if prefix else "service"):
            return ["somewhere"]
    return [""]


def _is_here(place: str) -> bool:
    return not place or place.startswith(("/", "@")) or is_loopback(place)


def _require_sqlite_file(text: str) -> None:
    path = Path(text.removeprefix("sqlite:///"))
    if path.is_dir() and text.removeprefix("sqlite:///"):
        raise Wrong("a file in a folder is needed, and this is the folder alone")
    if not text.startswith("sqlite:///") or str(path) in {".", ":memory:"} or "?" in text:
        raise Wrong(
            "a file is needed: sqlite:///var/authserver.sqlite3, or with four slashes sqlite:////srv/kaie.sqlite3"
        )
    if any(each.exists() and not each.is_dir() for each in path.parents):
        raise Wrong("a file in a folder is needed, and this lies below a file")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise Wrong("the file is there, but this account may not read and write it; chown or chmod it")
