"""The `authserver` command again and again in one process, so that tests wait for its imports only once.

Each line of stdin is a JSON object with `words` and `stdin`; each line of stdout one with `code`, `out` and `err`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from authserver import cli
from authserver.lib import clock


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


def main() -> None:
    clock.hold()  # as the command itself does
    answers, calls = sys.stdout, sys.stdin
    for line in calls:
        call = json.loads(line)
        answers.write(json.dumps(run(call["words"], call["stdin"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
