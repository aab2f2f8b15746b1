"""The example receivers and the snippets of the Verify page, each against real deliveries."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask import Flask

from authserver.dashboard.webhooks import endpoints as pages
from authserver.domain.webhooks import courier
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.lib import clock, webhook_signatures
from tests.conftest import Person
from tests.services import node
from tests.support import receivers
from tests.support.webhooks import SECRET, endpoint, happen

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "webhook_receivers"
KINDS = ("receiver.py", "receiver.mjs", "receiver.sh")
WRONG = "whsec_" + "A" * 32


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"outbound_allow": ("127.0.0.1",)}


class Running:
    """An example that listens: its port, and the lines it wrote."""

    def __init__(self, port: int, lines: Callable[[], list[str]]) -> None:
        self.url, self.lines = f"http://127.0.0.1:{port}/", lines


def command(file: str) -> list[str]:
    program = {".py": [sys.executable], ".mjs": node.command() if file.endswith(".mjs") else [], ".sh": ["sh"]}
    return [*program[Path(file).suffix], str(EXAMPLES / file)]


@contextlib.contextmanager
def started(file: str, folder: Path) -> Iterator[Running]:
    """Start an example; the shell's is started for each connection, as an inetd does."""
    if file.endswith(".sh"):
        with inetd(command(file), folder) as port:
            yield Running(port, lambda: _lines(folder / "log"))
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    with (folder / "log").open("w") as log, subprocess.Popen(command(file), env=environment, stdout=log) as process:
        try:
            _wait_for(port)
            yield Running(port, lambda: _lines(folder / "log"))
        finally:
            process.kill()


@contextlib.contextmanager
def inetd(words: list[str], folder: Path) -> Iterator[int]:
    environment = {
        "PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET, "SEEN": str(folder / "seen"), "LOG": str(folder / "log"),
    }  # fmt: skip
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                subprocess.run(words, env=environment, stdin=connection, stdout=connection, cwd=folder, check=False)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
            return
        time.sleep(0.05)
    raise AssertionError("the example does not listen")


def _lines(file: Path) -> list[str]:
    return file.read_text().split("\n")[:-1] if file.exists() else []


@pytest.mark.interop
@pytest.mark.parametrize("file", KINDS)
def test_an_example_takes_real_events_and_does_nothing_twice(
    file: str, app: Flask, alice: Person, tmp_path: Path
) -> None:
    with started(file, tmp_path) as example:
        hook = endpoint(alice, example.url, secret=SECRET)
        happen(alice, amr=["pwd"], name="Ünïcode “quoted” \\ slash")
        happen(alice, "user.locked")
        courier.send_due()
        assert webhook_deliveries.count_by_state(hook.id) == {"delivered": 2}
        [second, first] = webhook_deliveries.page(hook.id)[0]
        webhook_deliveries.resend(alice.id, hook.id, first.id)
        courier.send_due()
        assert webhook_deliveries.count_by_state(hook.id) == {"delivered": 2}
        assert example.lines() == [f"user.login {first.event_id}", f"user.locked {second.event_id}"]


@pytest.mark.interop
@pytest.mark.parametrize("file", KINDS)
def test_an_example_refuses_what_is_not_ours_or_old(file: str, tmp_path: Path) -> None:
    body, now = b'{"id":"evt_1","type":"user.login"}', clock.now()

    def sent(secret: str, at: int, altered: bytes = body) -> int:
        headers = webhook_signatures.headers("X-Kaie-Signature", [secret], "evt_1", at, body)
        return urllib3.request("POST", example.url, body=altered, headers=headers, retries=False, timeout=10).status

    with started(file, tmp_path) as example:
        assert sent(WRONG, now) == 401
        assert sent(SECRET, now - 301) == 401
        assert sent(SECRET, now, body.replace(b"login", b"logon")) == 401
        assert example.lines() == []
        assert sent(SECRET, now) == 204
        assert example.lines() == ["user.login evt_1"]


@pytest.mark.interop
@pytest.mark.parametrize("file", [each for each, _, _ in pages.SNIPPETS])
def test_a_snippet_of_the_page_tells_ours_from_others(file: str, app: Flask, alice: Person, tmp_path: Path) -> None:
    with receivers.listening() as receiver:
        endpoint(alice, receiver.url(), secret=SECRET)
        happen(alice)
        courier.send_due()
    [got] = receiver.got
    with app.app_context():
        texts = {name: text for name, _, _, text in pages.snippets("X-Kaie-Signature")}
    (tmp_path / file).write_text(texts[file])
    program = {".py": [sys.executable], ".mjs": node.command() if file.endswith(".mjs") else [], ".sh": ["sh"]}
    words = [*program[Path(file).suffix], str(tmp_path / file)]
    environment = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET}

    def judged(body: bytes, signature: str) -> int:
        return subprocess.run([*words, signature], input=body, env=environment, check=False).returncode

    assert judged(got.body, got.headers["X-Kaie-Signature"]) == 0
    assert judged(got.body + b" ", got.headers["X-Kaie-Signature"]) == 1
    assert judged(got.body, "sha256=" + "0" * 64) == 1
