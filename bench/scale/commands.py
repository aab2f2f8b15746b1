"""`make bench ARGS="seed …"` fills a database, `make bench ARGS="pages …"` walks over every page of it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

from authserver import config, create_app, database
from authserver.config import Settings
from authserver.domain.running import schema
from bench.scale import filling, walking
from bench.scale.filling import Sizes

SECRET_KEY = "the secret key of seeded databases, which hold nothing"
MOST_STATEMENTS, MOST_MS = 12, 300


def seed(words: Sequence[str]) -> int:
    """Fill an empty database: `--database-url`, and how many of each."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=seed", description=seed.__doc__)
    parser.add_argument("--database-url", required=True)
    for each in dataclasses.fields(Sizes):
        parser.add_argument(f"--{each.name}", type=int, default=each.default)
    options = vars(parser.parse_args(words))
    with _open(options.pop("database_url")):
        started = time.perf_counter()
        filling.fill(
            Sizes(**options), lambda name: print(f"{time.perf_counter() - started:6.0f} s  {name}", flush=True)
        )
    return 0


def pages(words: Sequence[str]) -> int:
    """Every page, for three people: statements, milliseconds (the best of some), rows looked at."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=pages", description=pages.__doc__)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="also those that keep the promise")
    parser.add_argument("--only", default="", help="a part of the address")
    options = parser.parse_args(words)
    print(f"{'':8}{'ms':>7}{'CPU ms':>8}{'SQL':>5}  page")
    slow = 0
    with _open(options.database_url) as app:
        for each in walking.walk(app, times=options.times, only=options.only):
            bad = each.statements > MOST_STATEMENTS or each.ms > MOST_MS
            slow += bad
            if bad or options.all:
                print(
                    f"{each.who:8}{each.ms:7.0f}{each.cpu_ms:8.0f}{each.statements:5}{'!' if bad else '':>2}"
                    f" {each.status} {each.path}",
                    flush=True,
                )
    print(f"{slow} pages beyond {MOST_STATEMENTS} statements or {MOST_MS} ms")
    return 1 if slow else 0


@contextlib.contextmanager
def _open(url: str) -> Iterator[Any]:
    settings = Settings(
        database_url=url, secret_key=SECRET_KEY, issuer="http://localhost:8000", log_level="ERROR", demo=False
    )
    app = create_app(settings)
    with config.using(settings):
        schema.ensure()
        yield app
        database.engine().dispose()


SETS = {"seed": seed, "pages": pages}
