"""What signs people in before an application sees them, or spawns one for them: oauth2-proxy, JupyterHub, OmniAuth."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.services.gateways import Echo
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
HERE = Path(__file__).parent
OAUTH2_PROXY = "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6"


def test_oauth2_proxy(house: House, folder: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    files = house.follow("oauth2-proxy", address).files()
    behind = Echo()
    try:
        # Only the addresses of this run: https and port 9000 are the page's.
        files["oauth2-proxy.cfg"] = files["oauth2-proxy.cfg"].replace("127.0.0.1:9000", f"127.0.0.1:{behind.port}")
        sites.write(folder, files)
        command = [str(sites.go_program(OAUTH2_PROXY)), "--config", "oauth2-proxy.cfg"]
        command += ["--http-address", f"127.0.0.1:{port}", "--cookie-secure=false"]
        with sites.running(command, folder, port, house.environment()):
            visitor = house.visitor()
            arrived = visitor.press(visitor.open(address + "/"))
            assert arrived.status == 200, (visitor.way, arrived.text[-2000:], (folder / "site.log").read_text()[-3000:])
            told = {name.lower(): value for name, value in arrived.json["headers"]}
            assert told["x-forwarded-email"] == houses.EMAIL, told
            assert told["x-forwarded-preferred-username"] == houses.USERNAME, told
    finally:
        behind.stop()


def test_jupyterhub(house: House, folder: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    page = house.follow("jupyterhub", address)
    sites.write(folder, {"connect_config.py": page.files()["jupyterhub_config.py"]})
    shutil.copy(HERE / "jupyterhub" / "alone.py", folder / "jupyterhub_config.py")
    command = [str(sites.python("jupyterhub")), "-m", "jupyterhub", "-f", "jupyterhub_config.py"]
    with sites.running(command, folder, port, {**house.environment(), "HUB_ADDRESS": address}):
        visitor = house.visitor()
        arrived = visitor.open(f"{address}/hub/oauth_login?next=/hub/home")
        log = (folder / "site.log").read_text()[-3000:]
        assert arrived.url == f"{address}/hub/home", (visitor.way, arrived.text[:2000], log)
        assert f'user: "{houses.USERNAME}"' in arrived.text, arrived.text[:3000]


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
