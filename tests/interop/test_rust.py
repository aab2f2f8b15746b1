"""A program in Rust with openidconnect, as docs/connect says: one sign-in, from the address to the name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites, toolchains
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
LOCK = Path(__file__).parent / "rust" / "Cargo.lock"


def test_openidconnect(house: House, folder: Path) -> None:
    sites.write(folder, house.follow("rust-openidconnect", f"http://127.0.0.1:{free_port()}").files())
    program = toolchains.cargo_build(LOCK, folder)
    with subprocess.Popen(
        [str(program)], env=house.environment(), text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as running:  # fmt: skip
        try:
            assert running.stdout is not None
            address = running.stdout.readline().strip()
            assert address.startswith(f"{house.issuer}/oauth/authorize?"), address + running.stdout.read()
            visitor = house.visitor()
            arrived = visitor.open(address)
            assert arrived.text == f"Hello {houses.NAME}, {houses.EMAIL}", (visitor.way, arrived.text)
            assert running.wait(30) == 0
        finally:
            running.kill()
