"""Lists on a real terminal of so many columns, and into a pipe."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from authserver.cli import tables, terminal

PEOPLE = [
    {"id": "usr_1234567890", "email": "amelie@example.com", "name": "Amélie " * 12, "role": "user", "status": "active"},
    {"id": "usr_2", "email": "ken@example.com", "name": "山田太郎", "role": "admin", "status": "disabled"},
]
COLUMNS = ("id", "email", "name", "role", "status")
SCRIPT = f"from authserver.cli import output\noutput.stream({PEOPLE!r}, {COLUMNS!r}, empty='-')"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(columns: int, script: str = SCRIPT, **variables: str) -> str:
    """What a Python script prints on a terminal with so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm", **variables}
    )
    os.close(theirs)
    printed = b""
    try:
        while piece := os.read(ours, 65536):
            printed += piece
    except OSError:
        pass  # the other end was closed: how Linux says that nothing more comes
    os.close(ours)
    assert process.wait(20) == 0, printed
    return printed.decode().replace("\r\n", "\n")


def plain(text: str) -> list[str]:
    return ESCAPE.sub("", text).splitlines()


def test_a_list_is_no_wider_than_the_terminal_and_shortens_names_alone() -> None:
    lines = plain(on_terminal(80))
    assert max(map(terminal.breadth, lines)) <= 80
    assert "…" in lines[1]
    for person in PEOPLE:
        assert any(person["id"] in line and person["email"] in line for line in lines)


def test_columns_stand_below_each_other_whatever_the_script() -> None:
    header, first, second = plain(on_terminal(80))
    at = header.index("role")
    assert first.startswith("user", at)
    assert terminal.breadth(second[: second.index("admin")]) == at


def test_a_terminal_that_is_too_narrow_has_a_block_for_each_row() -> None:
    lines = plain(on_terminal(40))
    assert lines[:2] == ["id      usr_1234567890", "email   amelie@example.com"]
    assert lines[5] == ""


def test_a_pipe_gets_whole_lines_without_colours() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=20)
    assert PEOPLE[0]["name"].strip() in done.stdout
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 3


def test_a_state_has_its_colour_on_a_terminal() -> None:
    assert "\x1b[32mactive\x1b[0m" in on_terminal(80)
    assert "\x1b[33mdisabled" in on_terminal(80)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "a dumb terminal"])
def test_there_are_no_colours_where_none_are_wanted(variables: dict[str, str]) -> None:
    assert "\x1b" not in on_terminal(80, **variables)


def test_what_others_wrote_steers_no_terminal_in_a_list_either() -> None:
    hostile = "from authserver.cli import output\noutput.emit(output.table([{'name': '\\x1b[2J\\u202e', 'x': '\\r'}]))"
    assert "\\x1b[2J\\u202e  \\r" in on_terminal(80, hostile, NO_COLOR="1")


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("山田", 4), ("é", 1), ("e\u0301", 1), ("😀", 2), ("", 0)])
def test_a_text_takes_so_many_columns(text: str, columns: int) -> None:
    assert terminal.breadth(text) == columns


def test_a_text_is_cut_before_the_sign_that_has_no_room() -> None:
    assert terminal.cut("山田太郎", 5) == "山田…"
    assert terminal.cut("山田太郎", 8) == "山田太郎"


def test_ids_and_states_keep_their_width_when_names_give_way() -> None:
    assert tables.fitting(("id", "name", "status"), (20, 60, 8), 60) == [20, 28, 8]
    assert tables.fitting(("id", "name", "status"), (20, 60, 8), 0) == [20, 60, 8]
    assert tables.fitting(("id", "name", "status"), (20, 60, 8), 41) == []


def test_long_work_shows_how_far_it_has_come_to_whoever_looks_on() -> None:
    script = "from authserver.cli import progress\nwith progress.counted(4, 'Copying') as told: told(1); told(3)"
    assert "Copying" in on_terminal(80, script)
    assert "100%" in on_terminal(80, script)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout + done.stderr == ""


def test_a_file_that_grows_says_how_large_it_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from authserver.cli import progress
file = Path({str(tmp_path / "saved")!r})
with progress.growing(file, "Saving", expected=3_000_000):
    file.write_bytes(b"x" * 1_500_000)
    time.sleep(progress.EVERY * 2)
"""
    printed = on_terminal(80, script)
    assert "Saving  1.5 MB of about 3.0 MB" in printed
    assert printed.endswith("\r\x1b[K")


def test_a_part_is_named_while_it_is_done() -> None:
    script = "from authserver.cli import progress\nwith progress.named('Deleting') as told: told(0, 2, 'mails')"
    assert on_terminal(80, script) == "\r\x1b[KDeleting  1/2  mails\r\x1b[K"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout + done.stderr == ""
