"""Where the explanation of a refused request is: the `error_uri` of OAuth errors (RFC 6749 section 5.2)."""

from __future__ import annotations

from authserver import config
from authserver.observability import context


def uri() -> str:
    """The page of this request, which tells its app's owner more than anybody else."""
    return f"{config.current().issuer}/refused/{context.current().request_id}"
