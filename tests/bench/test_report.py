"""`make bench` prints a table, keeps a file, and compares with those who ran beside it and with an earlier file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench import report
from bench.contenders import TRIVIAL


def row(contender: str, *slices: float, endpoint: str = "JWKS", connections: int = 16, **more: Any) -> dict[str, Any]:
    return {
        "endpoint": endpoint, "contender": contender, "connections": connections, "per second": slices[0],
        "slices": list(slices), "CPU ms": 0.2, "CPU ms of the database": 0.1, "p50": 2.0, "p99": 10.0,
        "requests": 100, "refused": 0, "statuses": {"200": 100}, "generator": 0.1,
    } | more  # fmt: skip


def test_each_column_of_the_table_stands_below_its_name() -> None:
    names = report.head(2, 4, 1.0, 3).splitlines()[-1]
    line = report.line(row("sqlite", 2000.0), 4000.0)
    for name, value in (("req/s", "2000"), ("of trivial", "0.50"), ("CPU ms", "0.200"), ("database", "0.100"),
                        ("p50 ms", "2.00"), ("p99 ms", "10.00"), ("client", "10%")):  # fmt: skip
        end = names.index(name) + len(name)
        assert line[:end].endswith(value), name


def test_answers_that_were_not_good_and_a_client_that_is_the_limit_are_told() -> None:
    assert "3 NOT GOOD: {'503': 3}" in report.line(row("sqlite", 1.0, refused=3, statuses={"503": 3}), 0.0)
    assert "the client may be the limit" in report.line(row("sqlite", 1.0, generator=0.9), 0.0)
    assert "limit" not in report.line(row("sqlite", 1.0), 0.0)


def test_the_yardstick_is_the_flask_view_at_as_many_connections() -> None:
    rows = [row(TRIVIAL, rate, endpoint=TRIVIAL, connections=count) for count, rate in ((16, 100.0), (64, 90.0))]
    assert report.trivial_rates([*rows, row("sqlite", 5.0)]) == {16: 100.0, 64: 90.0}


def test_contenders_are_compared_turn_by_turn() -> None:
    """The machine was half as fast in the second turn, for both."""
    before = row("sqlite at 123", 100.0, 50.0, 110.0, p99=20.0) | {"CPU ms": 0.8}
    rows = [row("sqlite", 300.0, 150.0, 330.0), before]
    [found] = report.between(rows, [("sqlite", "sqlite at 123"), ("sqlite", "nobody")])
    assert (found["rate"], found["CPU"], found["p99"]) == (3.0, 0.33, 0.5)
    assert (found["contender"], found["against"], found["connections"]) == ("sqlite", "sqlite at 123", 16)
    assert "× 3.00  × 0.33  × 0.50" in report.ratios([found])


def test_what_was_not_measured_has_no_ratio() -> None:
    [found] = report.between([row("a", 1.0), row("b", 0.0, p99=0.0)], [("a", "b")])
    assert found["rate"] is None and found["p99"] is None
    assert report.ratios([found])


def test_the_newest_run_of_this_machine_is_the_earlier_one(tmp_path: Path) -> None:
    assert report.latest(tmp_path) is None
    kept = report.keep({"machine": report.machine(), "rows": [row("sqlite", 50.0)]}, tmp_path)
    (tmp_path / "bench-9999.json").write_text(json.dumps({"machine": {"name": "another"}, "rows": []}))
    assert report.latest(tmp_path) == kept
    [found] = report.against([row("sqlite", 100.0), row("new", 1.0)], report.read(kept)["rows"])
    assert (found["rate"], found["against"]) == (2.0, "the earlier run")
