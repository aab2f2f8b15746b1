"""Clients without a server of their own, set up as docs/connect says: pages in Chromium, and AppAuth."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from authserver.lib import jwt
from tests.interop import house as houses
from tests.interop import sites, toolchains
from tests.interop.house import House
from tests.support import chromium
from tests.support.served import PASSWORD, free_port

pytestmark = [pytest.mark.served, pytest.mark.browser, pytest.mark.interop, pytest.mark.long_interop]
SECONDS = 60
# What bundles for Node need where a package of the older kind asks for Node's own modules.
REQUIRE = '--banner:js=import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
INDEX = '<!doctype html><title>Page</title><body><div id="root"></div><script type="module" src="/app.js"></script>'


class OnePage(http.server.SimpleHTTPRequestHandler):
    """Files, and for every other address the one page."""

    def send_head(self):  # type: ignore[no-untyped-def]
        if not (Path(self.directory) / self.path.lstrip("/").partition("?")[0]).is_file():
            self.path = "/index.html"
        return super().send_head()

    def log_message(self, *words: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def site(house: House, folder: Path, page: str, main: str) -> Iterator[str]:
    """The page's script, bundled and served; its address."""
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(OnePage, directory=str(folder)))
    address = f"http://127.0.0.1:{serving.server_address[1]}"
    sites.write(folder, {**house.follow(page, address).files(), "index.html": INDEX})
    bundle(folder, main, "--format=esm", "--outfile=app.js", "--jsx=automatic")
    threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield address
    finally:
        serving.shutdown()
        serving.server_close()


def bundle(folder: Path, main: str, *options: str) -> None:
    esbuild = toolchains.node_program("browser", folder, "node_modules/esbuild/bin/esbuild", "--bundle", main)
    toolchains.build([*esbuild, *options], folder)


def appeared(file: Path) -> str:
    """The first line of a file, once it is there."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if file.exists() and file.read_text("utf-8").endswith("\n"):
            return file.read_text("utf-8").splitlines()[0]
        time.sleep(0.05)
    raise AssertionError(f"{file.name} did not appear")


@pytest.fixture
def window(house: House) -> Iterator[Page]:
    with chromium.started() as browser:
        context = browser.new_context(ignore_https_errors=True)  # Chromium reads no bundle of ours
        context.set_default_timeout(60_000)
        yield context.new_page()
        context.close()


def sign_in(window: Page, house: House) -> None:
    window.wait_for_url(f"{house.issuer}/**")
    window.get_by_label("Email").fill(houses.EMAIL)
    window.get_by_label("Password", exact=True).fill(PASSWORD)
    window.get_by_role("button", name="Sign in", exact=True).click()
    window.get_by_role("button", name="Allow").click()


def test_oidc_client_ts(house: House, folder: Path, window: Page) -> None:
    with site(house, folder, "oidc-client-ts", "main.js") as address:
        window.goto(address)
        sign_in(window, house)
        expect(window.get_by_text(f"Hello {houses.NAME}, {houses.EMAIL}")).to_be_visible(timeout=60_000)
        window.get_by_role("button", name="Sign out").click()
        expect(window.get_by_text("Signed out")).to_be_visible(timeout=60_000)
        assert window.url.startswith(f"{address}/signed-out")
        window.goto(f"{house.issuer}/settings/sessions")
        expect(window.get_by_label("Email")).to_be_visible()


def test_oidc_client_ts_notices_a_sign_out_elsewhere(house: House, folder: Path, window: Page) -> None:
    with site(house, folder, "oidc-client-ts", "watched.js") as address:
        window.goto(address)
        sign_in(window, house)
        expect(window.get_by_text(f"Hello {houses.NAME}")).to_be_visible(timeout=60_000)
        other = window.context.new_page()
        other.goto(f"{house.issuer}/logout")
        other.get_by_role("button", name="Sign out").click()
        expect(window.get_by_text("Signed out elsewhere")).to_be_visible(timeout=60_000)


def test_react_oidc_context(house: House, folder: Path, window: Page) -> None:
    with site(house, folder, "react-oidc-context", "main.jsx") as address:
        window.goto(address)
        window.get_by_role("button", name="Log in").click()
        sign_in(window, house)
        expect(window.get_by_text(f"Hello {houses.NAME}, {houses.EMAIL}")).to_be_visible(timeout=60_000)


def test_appauth(house: House, folder: Path) -> None:
    page = house.follow("appauth", f"http://127.0.0.1:{free_port()}")
    sites.write(folder, {**page.files(), "bin/xdg-open": '#!/bin/sh\necho "$1" >>opened'})
    (folder / "bin" / "xdg-open").chmod(0o755)
    bundle(folder, "client.ts", "--platform=node", "--format=esm", "--outfile=client.mjs", "--target=node20", REQUIRE)
    command = toolchains.node_program("browser", folder, "client.mjs")
    environment = house.environment()
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            house.visitor().open(appeared(folder / "opened"))
            assert process.stdout
            said = json.loads([line for line in process.stdout if line.startswith("{")][-1])
        finally:
            process.terminate()
    claims = jwt.peek_claims(said["id_token"])
    assert (claims["email"], claims["name"]) == (houses.EMAIL, houses.NAME)
    assert said["refresh_token"]
