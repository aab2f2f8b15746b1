"""What a run found, as a table for people and a file for the next run."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.contenders import TRIVIAL

Shown = dict[str, Any]
RESULTS = Path(__file__).parent.parent / "var" / "bench"
# A generator that works more than this part of a core may be what is measured.
BUSY = 0.8
_COLUMNS = (
    ("endpoint", 34), ("contender", 30), ("conn", 5), ("req/s", 9), ("of trivial", 11), ("CPU ms", 8), ("database", 9),
    ("p50 ms", 8), ("p99 ms", 8), ("client", 7),
)  # fmt: skip


def machine() -> dict[str, Any]:
    """What figures can only be compared on: who this is."""
    return {"name": platform.node(), "cores": os.cpu_count(), "python": platform.python_version()}


def head(workers: int, threads: int, seconds: float, rounds: int) -> str:
    """What the table is about, and its columns."""
    return (
        f"{workers} workers of {threads} threads on {os.cpu_count()} cores shared with the client, load "
        f"{os.getloadavg()[0]:.1f}; medians of {rounds} slices of {seconds:g} s, in turns.\n"
        "CPU ms: of a core, of one request, by the server and by its database; client: the part of a core that asking "
        "took.\n\n" + "".join(f"{name:<{width}}" if width > 20 else f"{name:>{width}}" for name, width in _COLUMNS)
    )


def line(row: Shown, trivial: float) -> str:
    """One row of the table; `trivial` is the rate of a Flask view that does nothing, at as many connections."""
    of_trivial = f"{row['per second'] / trivial:.2f}" if trivial else ""
    said = (
        f"{row['endpoint']:<34}{row['contender']:<30}{row['connections']:>5}{row['per second']:>9.0f}{of_trivial:>11}"
        f"{row['CPU ms']:>8.3f}{row['CPU ms of the database']:>9.3f}{row['p50']:>8.2f}{row['p99']:>8.2f}"
        f"{row['generator']:>7.0%}"
    )
    if row["refused"]:
        said += f"  {row['refused']} NOT GOOD: {row['statuses']}"
    return said + ("  the client may be the limit" if row["generator"] > BUSY else "")


def trivial_rates(rows: Sequence[Shown]) -> dict[int, float]:
    """Of the Flask view that does nothing, by connections."""
    return {row["connections"]: row["per second"] for row in rows if row["endpoint"] == TRIVIAL}


def between(rows: Sequence[Shown], pairs: Sequence[tuple[str, str]]) -> list[Shown]:
    """How one contender stands to another where both were asked: medians of what each turn gave."""
    by_place = {(row["endpoint"], row["connections"], row["contender"]): row for row in rows}
    found = []
    for one, other in pairs:
        for (endpoint, connections, contender), row in by_place.items():
            before = by_place.get((endpoint, connections, other))
            if contender == one and before is not None:
                found.append(_ratio(row, before) | {"contender": one, "against": other})
    return found


def against(rows: Sequence[Shown], earlier: Sequence[Shown]) -> list[Shown]:
    """The same contenders in an earlier run."""
    then = {(row["endpoint"], row["connections"], row["contender"]): row for row in earlier}
    found = []
    for row in rows:
        before = then.get((row["endpoint"], row["connections"], row["contender"]))
        if before is not None:
            found.append(_ratio(row, before) | {"contender": row["contender"], "against": "the earlier run"})
    return found


def _ratio(row: Shown, before: Shown) -> Shown:
    turns = [now / then for now, then in zip(row["slices"], before["slices"], strict=False) if then]
    work = [each["CPU ms"] + each["CPU ms of the database"] for each in (row, before)]
    return {
        "endpoint": row["endpoint"],
        "connections": row["connections"],
        "rate": round(statistics.median(turns), 2) if turns else None,
        "CPU": round(work[0] / work[1], 2) if work[1] else None,
        "p99": round(row["p99"] / before["p99"], 2) if before["p99"] else None,
    }


def ratios(found: Sequence[Shown]) -> str:
    """Ratios as a table: rate above 1 and CPU below 1 are better than what is compared with."""
    names = "".join(f"{name:>8}" for name in ("rate", "CPU", "p99"))
    lines = [f"{'endpoint':<34}{'contender':<30}{'against':<34}{'conn':>5}{names}"]
    for each in found:
        values = "".join(f"{'' if each[name] is None else f'× {each[name]:.2f}':>8}" for name in ("rate", "CPU", "p99"))
        lines.append(
            f"{each['endpoint']:<34}{each['contender']:<30}{each['against']:<34}{each['connections']:>5}{values}"
        )
    return "\n".join(lines)


def latest(folder: Path = RESULTS) -> Path | None:
    """The newest run of this machine that is kept."""
    for file in sorted(folder.glob("bench-*.json"), reverse=True):
        if read(file).get("machine") == machine():
            return file
    return None


def read(file: Path) -> dict[str, Any]:
    """A run as it was kept."""
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def keep(found: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write a run where the next one finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"bench-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"
    file.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return file
