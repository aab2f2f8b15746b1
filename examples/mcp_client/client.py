"""An MCP client: it finds the authorization server, says who it is, has its person allow it, and calls a tool."""

import asyncio
import os
import sys
import webbrowser
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

SERVER, TOOL = sys.argv[1], sys.argv[2]
PORT = int(os.environ.get("PORT", "3030"))
CALLBACK = f"http://127.0.0.1:{PORT}/callback"
KNOWN_AS = os.environ.get("CLIENT_ID")  # of a client that somebody registered; without one it registers itself
DOCUMENT = os.environ.get("CLIENT_METADATA_URL")  # or the URL of a document that describes it


class Memory:
    """Tokens and registration for as long as the program runs; keep them in the system's keyring instead."""

    tokens = None
    client = OAuthClientInformationFull(client_id=KNOWN_AS, redirect_uris=[CALLBACK]) if KNOWN_AS else None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def main():
    arrived = asyncio.get_running_loop().create_future()

    async def answer(reader, writer):
        line = (await reader.readline()).decode("ascii", "replace").split(" ")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nYou can close this window."
        )
        await writer.drain()
        writer.close()
        if urlsplit(line[1]).path == "/callback" and not arrived.done():
            arrived.set_result({name: values[0] for name, values in parse_qs(urlsplit(line[1]).query).items()})

    async def open_browser(url):
        print(f"Allow it here: {url}", flush=True)
        webbrowser.open(url)

    async def callback():
        said = await arrived
        return AuthorizationCodeResult(code=said.get("code", ""), state=said.get("state"), iss=said.get("iss"))

    listening = await asyncio.start_server(answer, "127.0.0.1", PORT)
    metadata = OAuthClientMetadata(
        client_name="Example MCP client", redirect_uris=[CALLBACK],
        token_endpoint_auth_method="none",  # what runs on people's machines keeps no secret
    )  # fmt: skip
    auth = OAuthClientProvider(SERVER, metadata, Memory(), open_browser, callback, client_metadata_url=DOCUMENT)
    async with (
        listening,
        httpx2.AsyncClient(auth=auth, timeout=120) as http,
        Client(streamable_http_client(SERVER, http_client=http)) as client,
    ):
        result = await client.call_tool(TOOL, {})
        print(result.content[0].text, flush=True)


asyncio.run(main())
