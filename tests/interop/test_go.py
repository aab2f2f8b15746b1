"""Programs in Go, set up as docs/connect says: go-oidc, and the part of Kubernetes' API server that reads tokens."""

from __future__ import annotations

import base64
import hashlib
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.interop import devices, sites, toolchains
from tests.interop import house as houses
from tests.interop.house import House
from tests.support.served import free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
GO = Path(__file__).parent / "go"


def signed_in(house: House, client_id: str, port: int) -> dict[str, str]:
    """Tokens as a command line gets them: a browser, a loopback address, PKCE, no secret."""
    redirect_uri = f"http://localhost:{port}/"
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "state": "s",
             "scope": "openid email offline_access", "code_challenge": challenge,
             "code_challenge_method": "S256"}  # fmt: skip
    with HTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        arrived = house.visitor().open(f"{house.issuer}/oauth/authorize?{urlencode(query)}")
        listening.shutdown()
    code = parse_qs(urlsplit(arrived.url).query)["code"][0]
    data = {"grant_type": "authorization_code", "client_id": client_id, "code": code, "redirect_uri": redirect_uri,
            "code_verifier": verifier}  # fmt: skip
    answer = requests.post(f"{house.issuer}/oauth/token", data=data, verify=str(house.bundle), timeout=60)
    return dict(answer.json())


def test_go_oidc(house: House, folder: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    sites.write(folder, house.follow("go-oidc", address).files())
    program = toolchains.go_build(GO / "site", folder)
    with sites.running([str(program)], folder, port, {**house.environment(), "PORT": str(port)}):
        visitor = house.visitor()
        claims = visitor.open(f"{address}/login").json
        expected = (houses.EMAIL, houses.NAME, houses.USERNAME)
        assert (claims["email"], claims["name"], claims["preferred_username"]) == expected, visitor.way


@pytest.mark.parametrize("program", ["go", "gh"])
def test_devices(house: House, folder: Path, program: str) -> None:
    text = house.follow("devices", "http://localhost").files()[f"{program}/main.go"]
    sites.write(folder, {"main.go": text})
    command = [str(toolchains.go_build(GO / "devices", folder))]
    said = devices.allowed(house, command, folder)
    assert houses.EMAIL in (said if program == "go" else _email(house, said.rpartition(" ")[2].strip())), said


def _email(house: House, token: str) -> str:
    bearer = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{house.issuer}/oauth/userinfo", headers=bearer, verify=str(house.bundle), timeout=30).text


def test_the_api_server_of_kubernetes(house: House, folder: Path) -> None:
    port = free_port()
    page = house.follow("kubernetes", "http://localhost")
    program = toolchains.go_build(GO / "apiserver", folder)
    given = [line for line in page.files()["kube-apiserver.flags"].splitlines() if line.startswith("--")]
    flags = [line for line in given if "ca-file" not in line] + [f"--oidc-ca-file={house.bundle}"]
    with sites.running([str(program), *flags], folder, port, {**house.environment(), "PORT": str(port)}):

        def ask(token: str) -> requests.Response:
            return requests.get(f"http://127.0.0.1:{port}/", headers={"Authorization": f"Bearer {token}"}, timeout=60)

        (client_id,) = [flag.partition("=")[2] for flag in flags if flag.startswith("--oidc-client-id=")]
        tokens = signed_in(house, client_id, free_port())
        answer = ask(tokens["id_token"])
        assert answer.status_code == 200, (folder / "site.log").read_text("utf-8")
        assert answer.json()["username"] == f"oidc:{houses.EMAIL}"
        assert ask(tokens["access_token"]).status_code == 401
        assert ask(tokens["id_token"][:-4] + "AAAA").status_code == 401
