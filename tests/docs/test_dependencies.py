"""docs/security/dependencies.md has a line for every direct dependency of what runs."""

from __future__ import annotations

import re
import tomllib

from tests.architecture import sources
from tests.docs import pages

PROJECT = tomllib.loads(sources.read("pyproject.toml"))["project"]
LISTED = [
    pages.spans(row[0])[0]
    for row in pages.table("dependencies.md", "package", "reason", "what of an attacker's it reads", "risk")
]


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;~! ]", requirement)[0]


def test_every_direct_dependency_has_a_line_and_no_other() -> None:
    wanted = [
        *PROJECT["dependencies"],
        *(each for extra in ("redis", "otel") for each in PROJECT["optional-dependencies"][extra]),
    ]
    assert sorted(LISTED) == sorted(name_of(each) for each in wanted)


def test_time_frames_are_given_for_every_severity() -> None:
    frames = dict(pages.table("dependencies.md", "what", "within"))
    said = " ".join(frames)
    assert all(severity in said for severity in ("critical", "high", "medium", "low", "without a known hole"))
    assert all(re.search(r"\d+ (hours|days)", within) for within in frames.values())


def test_the_ways_to_know_are_commands_of_the_project() -> None:
    commands = set(re.findall(r"`make (\w+)`", pages.read("dependencies.md")))
    assert commands and all(f"{each}:" in sources.read("Makefile") for each in commands)
    assert commands - {"lock"} <= set(re.findall(r"^make (\w+)", sources.read(".ci/run"), re.MULTILINE))
