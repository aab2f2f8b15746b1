"""The table of provoked faults."""

from __future__ import annotations

import textwrap

import pytest

pytest_plugins = ["pytester"]
CONFTEST = """
    import pytest
    from tests.support import fault_table

    def pytest_runtest_setup(item):
        fault_table.begin(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        fault_table.finish(item, report)
        return report

    def pytest_terminal_summary(terminalreporter):
        reports = [each for found in terminalreporter.stats.values() for each in found]
        for line in fault_table.lines(fault_table.rows(reports)):
            terminalreporter.write_line(line)
"""
TESTS = """
    import pytest
    from tests.support import fault_table

    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_a_worker_is_killed(kind):
        fault_table.asked(answered=9, failed=1)
        fault_table.came_back(1.25)
        fault_table.promised("20 deliveries")

    def test_postgresql_forgets():
        fault_table.promised("3 tokens")
        assert 0

    def test_without_a_disk():
        pytest.skip("no disk")
"""


def test_each_experiment_has_a_row_of_what_it_counted_and_how_it_ended(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(textwrap.dedent(CONFTEST))
    pytester.makepyfile(textwrap.dedent(TESTS))
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.stdout.re_match_lines(
        [
            r"fault +database +failed requests +recovery +ledger",
            r"a worker is killed +sqlite +1 of 10 +1\.2 s +20 deliveries holds",
            r"postgresql forgets +postgresql +- +- +BROKEN",
            r"without a disk +- +- +- +not run",
        ]
    )
