"""An MCP server behind an authorization server: it takes access tokens that were made for it (RFC 8707, RFC 9068)."""

import os
import sys

import jwt
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

ISSUER, PORT = os.environ["ISSUER"], int(sys.argv[1])
RESOURCE = os.environ.get("RESOURCE", f"http://127.0.0.1:{PORT}/mcp")  # as `authserver resource create` has it
ALGORITHMS = ["ES256", "RS256"]
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=600)


class Tokens:
    """Access tokens of the issuer, checked without asking it: signature, kind, issuer, audience, time."""

    async def verify_token(self, token):
        try:
            if jwt.get_unverified_header(token).get("typ") != "at+jwt":
                return None  # an ID token is none, whoever signed it
            key = keys.get_signing_key_from_jwt(token).key
            claims = jwt.decode(token, key, algorithms=ALGORITHMS, issuer=ISSUER, audience=RESOURCE, leeway=60)
        except jwt.PyJWTError:
            return None
        return AccessToken(
            token=token, client_id=claims["client_id"], scopes=claims.get("scope", "").split(), subject=claims["sub"],
            expires_at=claims["exp"], resource=RESOURCE, claims={"iss": claims["iss"]},
        )  # fmt: skip


auth = AuthSettings(
    issuer_url=ISSUER, resource_server_url=RESOURCE, required_scopes=["notes:read"], validate_token_resource=True
)
server = MCPServer("Notes", token_verifier=Tokens(), auth=auth)


@server.tool()
def read_notes() -> str:
    """The notes of the person who allowed this."""
    return f"Milk, bread; read by {get_access_token().subject}"


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=PORT)
