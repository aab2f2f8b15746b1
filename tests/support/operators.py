"""Operators' shells of served processes: those of this checkout are copies of one process that has all imported."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.support import at_end

ROOT = Path(__file__).parent.parent.parent
MODULE = "tests.support.operator_shell"


@dataclass(frozen=True)
class Shell:
    """A process in which an operator's commands run, one after the other."""

    calls: IO[str]
    answers: IO[str]
    end: Callable[[], object]

    def run(self, words: list[str], stdin: str) -> dict[str, Any]:
        """The answer to a command: `code`, `out`, `err`. Raises OSError or ValueError if the process is gone."""
        self._write({"words": words, "stdin": stdin})
        return dict(json.loads(self.answers.readline()))

    def _write(self, said: dict[str, Any]) -> None:
        self.calls.write(json.dumps(said) + "\n")
        self.calls.flush()


def of_this_checkout(environment: Mapping[str, str], folder: Path) -> Shell:
    """A copy of the process that waits."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_waiting(), [b"."], [theirs.fileno()])
    answers = ours.makefile("r")

    def end() -> None:
        shell.calls.close()
        ours.shutdown(socket.SHUT_WR)
        answers.read()  # to its end, which is that of the process
        answers.close()
        ours.close()

    shell = Shell(ours.makefile("w"), answers, end)
    shell._write({"environment": dict(environment), "folder": str(folder)})
    return shell


def of_another(python: Path, home: Path, environment: Mapping[str, str], folder: Path) -> Shell:
    """A process of another checkout's own."""
    path = os.pathsep.join(filter(None, [str(home), environment.get("PYTHONPATH", "")]))
    process = subprocess.Popen(
        [python, "-m", MODULE],
        cwd=folder,
        env={**environment, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    shell = Shell(process.stdin, process.stdout, lambda: (shell.calls.close(), process.wait(20)))
    return shell


@functools.cache
def _waiting() -> socket.socket:
    """What the process listens to for whose a copy is wanted; it ends with the run."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen([sys.executable, "-m", MODULE, "--ready"], cwd=ROOT, stdin=theirs)
    at_end.stack.callback(process.wait, 20)
    at_end.stack.callback(ours.close)
    return ours
