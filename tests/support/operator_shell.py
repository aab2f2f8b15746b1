"""The `authserver` command again and again in one process, so that tests wait for its imports only once.

Each line that comes is a JSON object with `words` and `stdin`; each line that goes one with `code`, `out` and `err`.
`python -m tests.support.operator_shell` hears one operator, on stdin and stdout. With `--ready` it waits with all
imported, and copies itself for each operator whose socket comes: the first line there has `environment` and `folder`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pkgutil
import signal
import socket
import sys
from typing import IO

from sqlalchemy.orm import configure_mappers

import authserver
from authserver import cli
from authserver.lib import clock, password_rules


def run(words: list[str], typed: str) -> dict[str, object]:
    """One call of the command."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(typed)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(words)
    finally:
        sys.stdin = before
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def hear(calls: IO[str], answers: IO[str]) -> None:
    """Run what is asked for, until nobody asks any more."""
    clock.hold()  # as the command itself does
    for line in calls:
        call = json.loads(line)
        answers.write(json.dumps(run(call["words"], call["stdin"])) + "\n")
        answers.flush()


def wait(asked: socket.socket) -> None:
    """Be ready for operators, of whose sockets each gets a process of its own."""
    for module in pkgutil.walk_packages(authserver.__path__, "authserver."):
        importlib.import_module(module.name)
    configure_mappers()
    password_rules.problems("some password that is judged", ())  # reads the common ones
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while sockets := socket.recv_fds(asked, 1, 1)[1]:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked.close()
            with socket.socket(fileno=sockets[0]) as talk, talk.makefile("r") as calls, talk.makefile("w") as answers:
                begun = json.loads(calls.readline())
                os.environ.clear()
                os.environ.update(begun["environment"])
                os.chdir(begun["folder"])
                hear(calls, answers)
            return
        os.close(sockets[0])


if __name__ == "__main__":
    if "--ready" in sys.argv:
        wait(socket.socket(fileno=os.dup(0)))
    else:
        hear(sys.stdin, sys.stdout)
