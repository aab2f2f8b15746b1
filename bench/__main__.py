"""`make bench`: the hot endpoints on both databases, a trivial Flask view, with BASE=<commit> and PEERS=1 others.

`seed` and `pages` are sets of their own: a large installation, and the time of each of its pages.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import contenders, earlier, endpoints, gateways, measuring, report
from bench.contenders import DATABASES, Contender
from bench.peers import oidc_provider
from bench.scale import commands

# Ours where the operator lets answers of introspection be repeated for a moment.
REMEMBERED_MS = 1000
REMEMBERING = "postgresql, answers kept 1 s"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the table line by line, keep the file; 1 if anything was answered otherwise than it should be."""
    said = sys.argv[1:] if words is None else words
    if said[:1] in (["seed"], ["pages"]):
        return commands.SETS[said[0]](said[1:])
    options = _options(words)
    # Whoever is stopped stops what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    compared = options.against or report.latest()
    rows: list[dict[str, Any]] = []
    with contextlib.ExitStack() as opened:
        fields, pairs = _field(options, opened)
        print(report.head(options.workers, options.threads, options.seconds, options.rounds), flush=True)
        for found in measuring.rows(
            fields, options.connections, seconds=options.seconds, rounds=options.rounds, only=options.only
        ):
            rows += found
            for row in found:
                print(report.line(row, report.trivial_rates(rows).get(row["connections"], 0.0)), flush=True)
        nginx = _behind_nginx(fields, options) if options.nginx else {}
    told = {
        "machine": report.machine(),
        "commit": earlier.present(),
        "workers": options.workers,
        "threads": options.threads,
        "rows": rows,
        "ratios": report.between(rows, pairs),
        "behind nginx": nginx,
        "contenders": {each.name: each.facts for each in fields},
    }
    _tell(told, compared)
    return 1 if any(row["refused"] or not row["requests"] for row in rows) else 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each slice")
    parser.add_argument("--rounds", type=int, default=3, help="slices of each row")
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--only", default="", help="endpoints whose name holds this")
    parser.add_argument("--base", default="", help="a commit that runs beside this one, in turns")
    parser.add_argument("--peers", action="store_true", help="node-oidc-provider on each of its stores, in turns")
    parser.add_argument("--against", type=Path, help="an earlier run's file; by default the newest of this machine")
    parser.add_argument("--nginx", action="store_true", help="what a decision adds to a request behind nginx, too")
    return parser.parse_args(words)


def _field(options: argparse.Namespace, opened: contextlib.ExitStack) -> tuple[list[Contender], list[tuple[str, str]]]:
    """Who takes part, and who is compared with whom."""
    ours = functools.partial(contenders.ours, workers=options.workers, threads=options.threads)
    kinds = options.databases.split(",")
    found = [opened.enter_context(contenders.trivial(workers=options.workers, threads=options.threads))]
    present = [opened.enter_context(ours(kind, kind)) for kind in kinds]
    found += present
    pairs: list[tuple[str, str]] = []
    if options.base:
        commit, folder = opened.enter_context(earlier.checkout(options.base))
        for kind in kinds:
            before = f"{kind} at {commit}"
            found.append(opened.enter_context(ours(before, kind, home=folder)))
            pairs.append((kind, before))
    if options.peers:
        others = opened.enter_context(oidc_provider.running(workers=options.workers))
        present.append(opened.enter_context(ours(REMEMBERING, "postgresql", introspection_cache=REMEMBERED_MS)))
        found.append(present[-1])
        present[-1].keep({endpoints.INTROSPECTION_OPAQUE})
        for each in found[1:]:
            each.keep({name for other in others for name in other.talks})
        pairs += [(each.name, other.name) for each in present for other in others]
        found += others
    return found, pairs


def _behind_nginx(fields: Sequence[Contender], options: argparse.Namespace) -> dict[str, dict[str, str]]:
    api = next(each.port for each in fields if each.name == contenders.TRIVIAL)
    return {each.name: gateways.behind_nginx(each.server, api) for each in fields if each.server}


def _tell(told: dict[str, Any], compared: Path | None) -> None:
    if told["ratios"]:
        print("\n" + report.ratios(told["ratios"]))
    if compared is not None:
        told["against"] = {"file": compared.name, "ratios": report.against(told["rows"], report.read(compared)["rows"])}
        if told["against"]["ratios"]:
            print(f"\nAgainst {compared}\n" + report.ratios(told["against"]["ratios"]))
    for name, facts in told["contenders"].items():
        print("".join(f"\n{name}: {what}: {value}" for what, value in facts.items()), end="")
    for name, facts in told["behind nginx"].items():
        print("".join(f"\n{name}: {what}: {value}" for what, value in facts.items()), end="")
    print(f"\n\n{report.keep(told)}")


if __name__ == "__main__":
    sys.exit(main())
