"""What signs people in before an application sees them, or spawns one for them: OmniAuth."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
HERE = Path(__file__).parent


def test_omniauth(house: House, folder: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sites.write(folder, house.follow("omniauth", address).files())
    shutil.copy(HERE / "ruby" / "config.ru", folder)
    command = [sites.program("puma", "puma ruby-omniauth-openid-connect"), "-b", f"tcp://127.0.0.1:{port}", "config.ru"]
    with sites.running(sites.trusting(house.bundle, command), folder, port, house.environment()):
        visitor = house.visitor()
        arrived = visitor.press(visitor.open(address + "/"))
        log = (folder / "site.log").read_text()[-3000:]
        assert arrived.status == 200, (visitor.way, arrived.text[:2000], log)
        assert arrived.json == {"email": houses.EMAIL, "name": houses.NAME}
