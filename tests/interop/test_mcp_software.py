"""MCP servers, clients, assistants and the official tools, set up as docs/connect says, from a 401 to a called tool."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page as Window
from playwright.sync_api import expect

from authserver import connect_pages
from authserver.connect_pages import Page
from tests.interop import documents, mcp_walks, sites, toolchains
from tests.interop import house as houses
from tests.interop.house import House
from tests.interop.mcp_walks import ANSWER, Notes
from tests.support import chromium
from tests.support.served import PASSWORD, ROOT, free_port

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
LOOPBACK = "localhost,127.0.0.0/8,::1/128"
INSPECTOR = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
CONFORMANCE = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
CALL = mcp_walks.conversation(
    {"id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "claude-ai", "version": "0.1.0"}}},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/call", "params": {"name": "read_notes", "arguments": {}}},
)  # fmt: skip


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notes]:
    with houses.standing(tmp_path_factory.mktemp("mcp"), registration="open", outbound_allow=LOOPBACK) as house:
        yield mcp_walks.notes(house)


@pytest.fixture
def typescript(notes: Notes, tmp_path: Path) -> Iterator[Notes]:
    """The server of the page, with the SDK of now."""
    folder = tmp_path / "server"
    sites.write(folder, mcp_walks.follow(notes, "mcp-typescript-server").files())
    with mcp_walks.running(notes, folder, toolchains.node_program("mcp", folder, "server.mjs")):
        yield notes


@pytest.fixture
def typescript1(notes: Notes, tmp_path: Path) -> Iterator[Notes]:
    """The same with the generation before."""
    folder = tmp_path / "server1"
    sites.write(folder, mcp_walks.follow(notes, "mcp-typescript-server").files())
    with mcp_walks.running(notes, folder, toolchains.node_program("mcp", folder, "server1.mjs")):
        yield notes


@pytest.fixture
def fastmcp(notes: Notes, tmp_path: Path) -> Iterator[Notes]:
    folder = tmp_path / "fastmcp"
    sites.write(folder, mcp_walks.follow(notes, "fastmcp").files())
    with mcp_walks.running(notes, folder, [str(sites.python("fastmcp")), "server.py"]):
        yield notes


SERVERS = pytest.mark.parametrize("server", ["typescript", "typescript1", "fastmcp"])


# Servers, each with the client of the Python SDK


@SERVERS
def test_an_mcp_server_leads_a_stranger_here(server: str, folder: Path, request: pytest.FixtureRequest) -> None:
    notes: Notes = request.getfixturevalue(server)
    example = [str(sites.python("mcp")), str(ROOT / "examples" / "mcp_client" / "client.py"), notes.url, "read_notes"]
    assert ANSWER in mcp_walks.allowed(notes, example, folder, PORT=str(free_port()))


@SERVERS
def test_the_doctor_finds_nothing_that_stops_a_client(server: str, request: pytest.FixtureRequest) -> None:
    notes: Notes = request.getfixturevalue(server)
    cli = notes.house.server.cli
    words = ("--grant", "client_credentials", "--resource", notes.url, "--scope", "notes:read")
    made = cli("client", "create", "--name", "Job", *words)
    known = ("--client-id", made["client_id"], "--client-secret-stdin")
    found = {each["check"]: each for each in cli("doctor", "--mcp", notes.url, *known, stdin=made["client_secret"])}
    assert [each for each in found.values() if each["state"] == "bad"] == []
    assert found["call"]["text"] == "the MCP server takes the token"


@SERVERS
def test_a_token_for_another_api_is_refused(server: str, request: pytest.FixtureRequest) -> None:
    notes: Notes = request.getfixturevalue(server)
    token = notes.house.token(notes.house.machine("--scope", "workflows:read"))
    answer = requests.post(notes.url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 401 and "resource_metadata" in answer.headers["WWW-Authenticate"]


# Clients


def client(notes: Notes, folder: Path, page: str) -> dict[str, str]:
    """The client's files of a page, in a folder; what the page registered."""
    sites.write(folder, mcp_walks.follow(notes, page).files())
    return {"PORT": str(free_port())}


def test_typescript_by_registration(typescript: Notes, folder: Path) -> None:
    known = client(typescript, folder, "mcp-typescript-client")
    assert ANSWER in mcp_walks.allowed(
        typescript, toolchains.node_program("mcp", folder, "client.mjs"), folder, **known
    )


def test_typescript_by_a_client_id_metadata_document(typescript: Notes, folder: Path) -> None:
    known = client(typescript, folder, "mcp-typescript-client")
    command = toolchains.node_program("mcp", folder, "client.mjs")
    with documents.served(typescript.house.authority, "http://127.0.0.1/callback") as url:
        assert ANSWER in mcp_walks.allowed(typescript, command, folder, CLIENT_METADATA_URL=url, **known)


def test_typescript_by_a_client_that_somebody_registered(typescript: Notes, folder: Path) -> None:
    known = client(typescript, folder, "mcp-typescript-client")
    words = ("--redirect-uri", "http://127.0.0.1/callback", "--resource", typescript.url, "--scope", "notes:read")
    made = typescript.house.server.cli("client", "create", "--name", "Known", "--public", *words)
    command = toolchains.node_program("mcp", folder, "client.mjs")
    assert ANSWER in mcp_walks.allowed(typescript, command, folder, CLIENT_ID=made["client_id"], **known)


def test_typescript_of_the_generation_before(typescript1: Notes, folder: Path) -> None:
    known = client(typescript1, folder, "mcp-typescript-client")
    kind, program = "@modelcontextprotocol/sdk/client", (folder / "client.mjs").read_text("utf-8")
    imports = "\n".join(
        f'import {{ {name} }} from "{kind}/{file}.js";'
        for name, file in (
            ("Client", "index"), ("StreamableHTTPClientTransport", "streamableHttp"), ("UnauthorizedError", "auth"),
        )
    )  # fmt: skip
    program, changed = re.subn(r"import \{ Client,.*", imports, program)
    assert changed == 1
    sites.write(folder, {"client1.mjs": program.replace("(await arrived)", '((await arrived).get("code"))')})
    command = toolchains.node_program("mcp", folder, "client1.mjs")
    assert ANSWER in mcp_walks.allowed(typescript1, command, folder, **known)


def test_typescript_for_a_machine(typescript: Notes, folder: Path) -> None:
    page = mcp_walks.follow(typescript, "mcp-typescript-client")
    made = typescript.house.machine("--resource", typescript.url, "--scope", "notes:read notes:write")
    text = re.sub(r'clientId: "[^"]+"', f'clientId: "{made["client_id"]}"', page.files()["job.mjs"])
    sites.write(folder, {"job.mjs": text})
    environment = {**typescript.house.environment(), "CLIENT_SECRET": made["client_secret"]}
    assert ANSWER in toolchains.said(toolchains.node_program("mcp", folder, "job.mjs"), folder, environment)


PYTHON_JOBS = pytest.mark.parametrize("signing", [False, True], ids=["secret", "key"])


@PYTHON_JOBS
def test_python_for_a_machine(typescript: Notes, folder: Path, signing: bool) -> None:
    values = {"issuer": typescript.house.issuer, "resource": typescript.url}
    written = connect_pages.pages()["mcp-machines"]
    page = written.filled(values)
    command = _with_a_key(page, folder) if signing else page.commands()[-1]
    made = typescript.house.server.cli(*shlex.split(command)[1:])
    sites.write(folder, written.filled(values | {"client_id": made["client_id"]}).files())
    secret = {} if signing else {"CLIENT_SECRET": made["client_secret"]}
    program = [str(sites.python("mcp")), "job.py"]
    assert ANSWER in toolchains.said(program, folder, typescript.house.environment() | secret)


def _with_a_key(page: Page, folder: Path) -> str:
    """Make a key as the page does; its command that registers the public half, for a shell in another folder."""
    *making, register = page.files()["make_key.sh"].splitlines()
    subprocess.run(["sh", "-ec", "\n".join(making)], cwd=folder, check=True, capture_output=True, timeout=60)
    return register.replace("public.pem", str(folder / "public.pem"))


def test_fastmcp_as_a_client(fastmcp: Notes, folder: Path) -> None:
    sites.write(folder, mcp_walks.follow(fastmcp, "fastmcp").files())
    shown = "import webbrowser\nwebbrowser.open = lambda url, *_: print(url, flush=True) or True\n"
    sites.write(folder, {"sitecustomize.py": shown})  # a browser that says where it was sent
    command = [str(sites.python("fastmcp")), "client.py"]
    assert ANSWER in mcp_walks.allowed(fastmcp, command, folder, PYTHONPATH=str(folder), HOME=str(folder))


# Assistants and the official tools


def test_an_assistant_by_mcp_remote(typescript: Notes, folder: Path) -> None:
    page = mcp_walks.follow(typescript, "mcp-assistants")
    told = json.loads(page.files()["claude_desktop_config.json"])["mcpServers"]["notes"]
    assert (told["command"], told["args"][0]) == ("npx", "mcp-remote")
    command = toolchains.node_program("mcp", folder, "node_modules/mcp-remote/dist/proxy.js", *told["args"][1:])
    said = mcp_walks.allowed(typescript, command, folder, typed=CALL, until=ANSWER, MCP_REMOTE_CONFIG_DIR=str(folder))
    assert ANSWER in said


def test_the_inspector_on_a_command_line(typescript: Notes, folder: Path) -> None:
    page = mcp_walks.follow(typescript, "mcp-inspector")
    command = mcp_walks.tool(folder, INSPECTOR, *mcp_walks.program(page, "npx @modelcontextprotocol/inspector --cli"))
    variables = {"HOME": str(folder), "MCP_INSPECTOR_SECRET_STORE": "memory", "MCP_AUTO_OPEN_ENABLED": "true"}
    callback = f"http://127.0.0.1:{free_port()}/oauth/callback"
    said = mcp_walks.allowed(typescript, command, folder, MCP_OAUTH_CALLBACK_URL=callback, **variables)
    assert ANSWER in said


@pytest.mark.browser
def test_the_inspector_in_a_browser(typescript: Notes, folder: Path) -> None:
    page = mcp_walks.follow(typescript, "mcp-inspector")
    sites.write(folder, page.files())
    words = mcp_walks.program(page, "npx @modelcontextprotocol/inspector --config")
    port = free_port()
    environment = {
        **typescript.house.environment(), "HOME": str(folder), "CLIENT_PORT": str(port),
        "MCP_AUTO_OPEN_ENABLED": "false", "MCP_INSPECTOR_SECRET_STORE": "memory", "MCP_SANDBOX_PORT": str(free_port()),
    }  # fmt: skip
    with sites.running(mcp_walks.tool(folder, INSPECTOR, *words), folder, port, environment), chromium.started() as own:
        context = own.new_context(ignore_https_errors=True)
        context.set_default_timeout(60_000)
        window = context.new_page()
        found = re.search(r"http://\S+TOKEN=\S+", (folder / "site.log").read_text("utf-8"))
        assert found is not None
        window.goto(found[0])
        window.get_by_role("switch").first.click(force=True)
        _allow(window, typescript.house)
        expect(window.get_by_text("Connected", exact=True)).to_be_visible()
        context.close()


def _allow(window: Window, house: House) -> None:
    window.wait_for_url(f"{house.issuer}/**")
    window.get_by_label("Email").fill(houses.EMAIL)
    window.get_by_label("Password", exact=True).fill(PASSWORD)
    window.get_by_role("button", name="Sign in", exact=True).click()
    window.get_by_role("button", name="Allow").click()


def test_conformance_of_an_authorization_server(notes: Notes, folder: Path) -> None:
    """Every scenario that the official suite has for one: no failure, no warning."""
    mcp_walks.follow(notes, "mcp-assistants")
    port = free_port()
    made = notes.house.server.cli(
        "client", "create", "--name", "Conformance", "--public", "--redirect-uri", "http://127.0.0.1/callback",
        "--resource", notes.url, "--scope", "notes:read notes:write offline_access",
    )  # fmt: skip
    words = ("authorization", "--url", notes.house.issuer, "--client-id", made["client_id"], "--resource", notes.url)
    command = mcp_walks.tool(folder, CONFORMANCE, *words, "-p", str(port), "-o", str(folder / "results"))
    said = mcp_walks.allowed(notes, command, folder)
    found = [json.loads(file.read_text("utf-8")) for file in (folder / "results").rglob("checks.json")]
    checks = [each for file in found for each in file]
    assert {each["status"] for each in checks} == {"SUCCESS"} and len(checks) >= 3, said
