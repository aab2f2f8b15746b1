"""Lines for a stream that is slow, full or read by nobody: a real pipe on the other side."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from authserver.observability.line_writer import ATOMIC_BYTES, LineWriter

PIPE_HOLDS = 65_536


class Pipe:
    """A pipe whose reader starts when it is told to."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.writers: list[LineWriter] = []

    def read_all(self, until: bytes = b"", seconds: float = 5.0) -> bytes:
        """What comes until these bytes were there."""
        met, give_up = b"", time.monotonic() + seconds
        while until not in met or not met:
            assert time.monotonic() < give_up, met[-200:]
            met += os.read(self.reading, 65_536)
        return met


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)
    for each in made.writers:
        each.flush()  # else its thread would go on in the pipe that has this number next
    os.close(made.writing)


def writer(pipe: Pipe, **options: Any) -> LineWriter:
    pipe.writers.append(LineWriter(pipe.writing, note=lambda count: f"{count} missing", **options))
    return pipe.writers[-1]


def test_lines_come_out_in_their_order(pipe: Pipe) -> None:
    lines = writer(pipe)
    for number in range(1000):
        lines.write(f"line {number}")
    lines.flush()
    assert pipe.read_all(b"line 999\n").decode().splitlines() == [f"line {number}" for number in range(1000)]


def test_a_pipe_that_nobody_reads_holds_nobody_up(pipe: Pipe) -> None:
    lines = writer(pipe)
    began = time.monotonic()
    for _ in range(2000):
        lines.write("x" * 1000)  # thirty times what the pipe holds
    assert time.monotonic() - began < 1


def test_what_finds_no_room_is_counted_and_told_in_its_place(pipe: Pipe) -> None:
    dropped: list[int] = []
    os.write(pipe.writing, b"\n" * PIPE_HOLDS)  # full: the thread stands still at its first line
    lines = writer(pipe, dropped=dropped.append, limit=10_000)
    for number in range(200):
        lines.write(f"{number:04} " + "x" * 995)
    assert sum(dropped) == 190
    met = pipe.read_all(b"missing\n").decode().split()
    assert met[::2] == [f"{number:04}" for number in range(10)] + ["190"] and met[-1] == "missing"
    lines.write("and on")
    assert pipe.read_all(b"and on\n") == b"and on\n"


def test_nothing_waits_for_a_flush_that_nobody_takes(pipe: Pipe) -> None:
    lines = writer(pipe)
    for _ in range(200):
        lines.write("x" * 1000)
    began = time.monotonic()
    lines.flush(0.2)
    assert 0.1 < time.monotonic() - began < 1


def test_long_lines_of_two_writers_stay_whole(pipe: Pipe) -> None:
    """Workers share a pipe: what fits into one write is not torn by another's."""
    writers = writer(pipe), writer(pipe)
    text = "y" * (ATOMIC_BYTES - 10)
    for number in range(100):
        for each, mark in zip(writers, "ab", strict=True):
            each.write(f"{mark}{number:03}{text if number % 3 else ''}")
    met = b""
    while met.count(b"\n") < 200:
        met += os.read(pipe.reading, 65_536)
    for line in met.decode().splitlines():
        assert line[0] in "ab" and set(line[4:]) <= {"y"} and len(line) in (4, 4 + len(text))


def test_a_reader_that_is_gone_costs_lines_and_nothing_else() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    dropped: list[int] = []
    lines = LineWriter(writing, note=str, dropped=dropped.append)
    for _ in range(3):
        lines.write("gone")
        lines.flush()
    time.sleep(0.05)
    counted = sum(dropped)
    assert counted >= 3
    time.sleep(0.1)
    assert sum(dropped) == counted  # telling of it does not go on for ever
    os.close(writing)


def test_a_signal_in_the_middle_of_a_line_may_write_one_itself(pipe: Pipe) -> None:
    lines = writer(pipe)
    before = signal.signal(signal.SIGALRM, lambda *_: lines.write("from the handler"))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    drain = threading.Thread(target=pipe.read_all, args=(b"the last\n",), daemon=True)
    drain.start()
    try:
        for _ in range(20_000):
            lines.write("a line")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    lines.write("the last")
    drain.join(5)
    assert not drain.is_alive()


def test_a_child_writes_no_line_of_its_parent(pipe: Pipe) -> None:
    lines = writer(pipe)
    for number in range(PIPE_HOLDS // 1000 + 20):
        lines.write(f"{number:04}" + "x" * 996)
    child = os.fork()
    if child == 0:
        lines.write("the child's")
        lines.flush(0.2)
        os._exit(0)
    time.sleep(0.1)
    met = pipe.read_all(b"the child's\n").decode().splitlines()
    os.waitpid(child, 0)
    assert len(met) == len(set(met))
