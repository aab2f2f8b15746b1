"""What signs people in before an application sees them, or spawns one for them: oauth2-proxy, JupyterHub, OmniAuth."""

from __future__ import annotations

import contextlib
import html
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.interop import house as houses
from tests.interop import sites
from tests.interop.house import House
from tests.services.gateways import Echo
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
HERE = Path(__file__).parent
OAUTH2_PROXY = "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6"


@contextlib.contextmanager
def oauth2_proxy(house: House, folder: Path, address: str, text: str) -> Iterator[None]:
    """oauth2-proxy with this configuration in front of an application that tells what it was sent."""
    port, behind = urlsplit(address).port or 0, Echo()
    try:
        # Only the addresses of this run: https and port 9000 are the page's.
        sites.write(folder, {"oauth2-proxy.cfg": text.replace("127.0.0.1:9000", f"127.0.0.1:{behind.port}")})
        command = [str(sites.go_program(OAUTH2_PROXY)), "--config", "oauth2-proxy.cfg"]
        command += ["--http-address", f"127.0.0.1:{port}", "--cookie-secure=false"]
        with sites.running(command, folder, port, house.environment()):
            yield
    finally:
        behind.stop()


def test_oauth2_proxy(house: House, folder: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with oauth2_proxy(house, folder, address, house.follow("oauth2-proxy", address).files()["oauth2-proxy.cfg"]):
        visitor = house.visitor()
        arrived = visitor.press(visitor.open(address + "/"))
        assert arrived.status == 200, (visitor.way, arrived.text[-2000:], (folder / "site.log").read_text()[-3000:])
        told = {name.lower(): value for name, value in arrived.json["headers"]}
        assert told["x-forwarded-email"] == houses.EMAIL, told
        assert told["x-forwarded-preferred-username"] == houses.USERNAME, told


def test_oauth2_proxy_without_its_one_line_is_told_that_line(house: House, folder: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    text = house.follow("oauth2-proxy", address).files()["oauth2-proxy.cfg"]
    [line] = [each for each in text.splitlines() if "code_challenge" in each]
    with oauth2_proxy(house, folder, address, text.replace(line, "")):
        visitor = house.visitor()
        visitor.press(visitor.open(address + "/"))
    why = house.last_refusal()
    assert "The request looks like one of oauth2-proxy." in why, why[-4000:]
    assert f"<code>{html.escape(line, quote=False).replace(chr(34), '&#34;')}</code>" in why


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
