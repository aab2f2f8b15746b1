"""An MCP server that knows no tokens, behind nginx as docs/connect says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.interop import house as houses
from tests.interop import mcp_walks, sites
from tests.interop.mcp_walks import ANSWER, Notes
from tests.services import gateways
from tests.support.served import ROOT, free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
SERVER = """
import sys
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_headers
mcp = FastMCP("Notes")

@mcp.tool
def read_notes() -> str:
    return f"Milk, bread; read by {get_http_headers()['x-auth-subject']}"

mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp")
"""
MAIN = """daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/mcp.conf;
}}
"""


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notes]:
    with houses.standing(tmp_path_factory.mktemp("gateway"), registration="open") as house:
        yield mcp_walks.notes(house)


@pytest.fixture
def behind_nginx(notes: Notes, tmp_path: Path) -> Iterator[Notes]:
    nginx, behind = gateways.program("nginx"), free_port()
    text = mcp_walks.follow(notes, "mcp-nginx").files()["mcp.conf"]
    ours = notes.house.server.issuer.rpartition(":")[2]
    for old, new in {"8000": ours, "9000": behind, "8080": notes.port}.items():
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
    proxy, server = tmp_path / "nginx", tmp_path / "server"
    sites.write(proxy, {"mcp.conf": text, "main.conf": MAIN.format(folder=proxy)})
    sites.write(server, {"server.py": SERVER})
    environment = notes.house.environment()
    start = [str(sites.python("fastmcp")), "server.py", str(behind)]
    command = [nginx, "-p", str(proxy), "-c", str(proxy / "main.conf")]
    with sites.running(start, server, behind, environment), sites.running(command, proxy, notes.port, environment):
        yield notes


def test_a_client_gets_through_nginx_to_the_tool(behind_nginx: Notes, folder: Path) -> None:
    client = str(ROOT / "examples" / "mcp_client" / "client.py")
    command = [str(sites.python("mcp")), client, behind_nginx.url, "read_notes"]
    said = mcp_walks.allowed(behind_nginx, command, folder, PORT=str(free_port()))
    assert f"{ANSWER}; read by usr" in said


def test_the_doctor_finds_nothing_that_stops_a_client(behind_nginx: Notes) -> None:
    found = behind_nginx.house.server.cli("doctor", "--mcp", behind_nginx.url)
    assert [each for each in found if each["state"] == "bad"] == []


def test_a_token_for_another_api_is_refused_with_the_way_here(behind_nginx: Notes) -> None:
    house = behind_nginx.house
    token = house.token(house.machine("--scope", "workflows:read"))
    headers = {"Authorization": f"Bearer {token}", "X-Auth-Subject": "usrMallory"}
    answer = requests.post(behind_nginx.url, json={}, headers=headers, timeout=30)
    assert answer.status_code in (401, 403)
    assert answer.headers["WWW-Authenticate"].count("resource_metadata=") == 1
