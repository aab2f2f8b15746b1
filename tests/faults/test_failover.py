"""Nodes, poolers, counters and databases that die under load: who goes on, how soon, and what was promised is kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import nodes as scaled
from tests.faults.ledgers import Ledger
from tests.faults.load import Load
from tests.faults.nodes import Nodes
from tests.support import fault_table

pytestmark = [pytest.mark.long_fault, pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
BEFORE, AFTER = 3.0, 3.0  # seconds of load before a fault, and after everything is answered again
REACTION = 4.0  # seconds until somebody acts


@dataclass(frozen=True)
class Outcome:
    """What one fault did to requests."""

    failed: Counter[str]
    broken_chains: int
    seconds: float  # from the fault to the last request that failed


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with scaled.running(tmp_path_factory.mktemp("nodes")) as running:
        yield running


def drill(nodes: Nodes, break_it: Callable[[], object]) -> Outcome:
    """Load on all nodes, one fault, and every promise required afterwards."""
    fault_table.on("postgresql")
    ledger = Ledger(nodes.front)
    ledger.promise()
    with Load(ledger, nodes.front.machine("Opaque job", "--access-token-format", "opaque")) as load:
        time.sleep(BEFORE)
        began = time.monotonic()
        break_it()
        load.await_all()
        time.sleep(AFTER)
    ledger.require_kept()
    load.require_kept(nodes.app(ledger.app))
    ledger.require_used_up()
    require_no_secret_in_a_log(nodes, [*load.promised.good, *load.promised.ended, *ledger.good])
    found = Outcome(load.failures(), len(load.promised.broken_chains), load.recovery(began))
    fault_table.asked(answered=len(load.asked) - found.failed.total(), failed=found.failed.total())
    fault_table.came_back(found.seconds)
    return found


def require_no_secret_in_a_log(nodes: Nodes, known: list[str]) -> None:
    for node in nodes.each:
        log = node.log
        assert not [token for token in known if token in log]


def kinds(found: Outcome) -> set[str]:
    """Which requests failed."""
    return {each.partition(":")[0] for each in found.failed}


@pytest.mark.parametrize("way", scaled.WAYS)
def test_a_standby_that_is_promoted_has_all_that_was_acknowledged(way: str, tmp_path: Path) -> None:
    """The primary is killed with all its processes; then what docs/operations/scaling.md says is done."""
    with scaled.running(tmp_path, way) as nodes:

        def fail_over() -> None:
            nodes.replicas.kill(nodes.replicas.writer)
            time.sleep(REACTION)
            nodes.replicas.promote()
            if way == "pooler":
                nodes.pooler.stop()
                nodes.pooler.start()

        found = drill(nodes, fail_over)
        assert "sign" not in kinds(found), "a JWT needs no database"
        assert found.broken_chains == 0
        assert found.seconds < REACTION + 5
        for node in nodes.each:
            assert '"event":"database_away"' in node.log
            assert node.log.count('"event":"database_error"') < 20, "told once, not of each request"


def test_a_node_that_is_killed_costs_what_it_had_in_hand(nodes: Nodes) -> None:
    found = drill(nodes, lambda: nodes.kill(1))
    nodes.start_again(1)
    assert found.failed.total() <= 10
    assert found.seconds < 3


def test_nodes_that_are_replaced_one_after_the_other_cost_nothing(nodes: Nodes) -> None:
    def replace() -> None:
        for number in (0, 1):
            nodes.each[number].process.terminate()
            nodes.each[number].process.wait(60)
            nodes.start_again(number)

    assert drill(nodes, replace).failed == {}


def test_a_pooler_that_is_killed_and_started_again_keeps_nobody_waiting(nodes: Nodes) -> None:
    def replace() -> None:
        nodes.pooler.stop()
        time.sleep(1)
        nodes.pooler.start()

    found = drill(nodes, replace)
    assert "sign" not in kinds(found)
    assert found.seconds < 5


def test_counters_that_are_killed_fail_no_request(nodes: Nodes) -> None:
    found = drill(nodes, nodes.counters.kill)
    nodes.counters.start()
    assert found.failed == {}


def test_without_its_standby_a_synchronous_database_acknowledges_nothing_that_is_written(nodes: Nodes) -> None:
    """And goes on where it stood once the standby follows again."""

    def lose_it() -> None:
        nodes.replicas.kill(nodes.replicas.standby)
        time.sleep(REACTION)
        nodes.replicas.follow()

    found = drill(nodes, lose_it)
    assert "sign" not in kinds(found)
    assert found.broken_chains == 0
