"""The official SDK's OAuth client at an API: a first call, one after its token has ended, and one that needs more."""

import asyncio
import os
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

API, PORT = sys.argv[1], int(os.environ["PORT"])
CALLBACK = f"http://127.0.0.1:{PORT}/callback"


class Memory:
    """Tokens and registration for as long as the program runs."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def main():
    arrived, kept = asyncio.Queue(), Memory()

    async def answer(reader, writer):
        line = (await reader.readline()).decode("ascii", "replace").split(" ")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nYou can close this window.")
        await writer.drain()
        writer.close()
        if urlsplit(line[1]).path == "/callback":
            arrived.put_nowait({name: values[0] for name, values in parse_qs(urlsplit(line[1]).query).items()})

    async def open_browser(url):
        print(f"Allow it here: {url}", flush=True)

    async def callback():
        said = await arrived.get()
        return AuthorizationCodeResult(code=said.get("code", ""), state=said.get("state"), iss=said.get("iss"))

    metadata = OAuthClientMetadata(
        client_name="Steps", redirect_uris=[CALLBACK], token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
    )  # fmt: skip
    auth = OAuthClientProvider(API, metadata, kept, open_browser, callback)
    listening = await asyncio.start_server(answer, "127.0.0.1", PORT)
    async with listening, httpx2.AsyncClient(auth=auth, timeout=60) as http:
        for step in ("read", "later", "write", "read"):
            if step == "later":
                auth.context.token_expiry_time = 1.0
            said = await http.get(f"{API}/{'write' if step == 'write' else 'read'}")
            print("STEP", step, said.status_code, kept.tokens.scope, kept.tokens.access_token[-12:], flush=True)


asyncio.run(main())
