"""What a served installation has promised, and whether it keeps it after a fault (security.md 6.1)."""

from __future__ import annotations

from tests.support import fault_table
from tests.support.served import Served


class Ledger:
    """What a server has promised: what must go on working, and what must never work again."""

    def __init__(self, server: Served) -> None:
        self.server = server
        self.app = server.app("Promised", "--skip-consent", "--introspect-all")
        self.job = server.machine()
        self.browser = server.browser("alice@example.test")
        self.good: list[str] = []
        self.ended: list[str] = []
        self.spent: list[tuple[str, str]] = []
        self.refresh = ""

    def promise(self) -> None:
        """Tokens of a person and of a job; of each kind some that ended; a code and a refresh token that were used."""
        code, asked = self.app.code(self.browser)
        tokens = self.app.redeem(code, asked.verifier).json
        self.spent.append((code, asked.verifier))
        job, revoked = (self.job.client_credentials().json["access_token"] for _ in range(2))
        assert self.job.revoke(revoked).status == 200
        self.good += [tokens["access_token"], job]
        self.ended.append(revoked)
        self.refresh = tokens["refresh_token"]

    def require_kept(self) -> None:
        """Nothing good is refused, nothing that ended is good, and its audit chain is whole."""
        fault_table.promised(f"{len(self.good)} good, {len(self.ended)} ended, {len(self.spent)} used, audit chain:")
        assert [self.app.is_active(each) for each in self.good] == [True] * len(self.good)
        assert [self.app.is_active(each) for each in self.ended] == [False] * len(self.ended)
        after = self.app.refresh(self.refresh)
        assert after.status == 200, after.text
        self.refresh = after.json["refresh_token"]
        assert self.server.cli("audit", "verify")["sound"] is True

    def require_used_up(self) -> None:
        """A code that was used is not used again; what came of it ends with the attempt."""
        for code, verifier in self.spent:
            assert self.app.redeem(code, verifier).error[1] == "invalid_grant"
