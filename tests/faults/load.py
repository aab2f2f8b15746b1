"""People and programs that go on asking while something is broken: what they were promised, and what failed."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from tests.faults.ledgers import Ledger
from tests.faults.watching import until
from tests.support import fault_table
from tests.support.browsing import Answer, OverHttp
from tests.support.third_party import App

PAUSE = 0.05  # seconds between two requests of one thread: a fault that is told at once does not fill the figures


@dataclass
class Promised:
    """What was acknowledged. An attempt whose end nobody heard of is in `unknown`: either is right for it."""

    good: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    broken_chains: list[str] = field(default_factory=list)
    wrongly: list[str] = field(default_factory=list)  # called good or ended, while it was not


class Load:
    """Opaque tokens that are made, looked up and revoked, JWTs, chains of refresh tokens: each in its own thread."""

    def __init__(self, ledger: Ledger, opaque: App, *, chains: int = 2) -> None:
        self._app, self._job, self._opaque = ledger.app, ledger.job, opaque
        self.promised = Promised()
        self.asked: list[tuple[float, str, str]] = []  # when, what, and what was wrong with the answer
        self._over, self._lock = threading.Event(), threading.Lock()
        chained = [str(ledger.app.tokens(ledger.browser)["refresh_token"]) for _ in range(chains)]
        work: list[Callable[[], None]] = [self._make_and_revoke, self._make_and_revoke, self._sign, self._look_up]
        work += [functools.partial(self._refresh, token) for token in chained]
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    # -- what they do

    def _own(self, app: App) -> App:
        return dataclasses.replace(app, wire=OverHttp())

    def _try(self, what: str, ask: Callable[[], Answer], *, good: tuple[int, ...] = (200,)) -> Answer | None:
        """The answer, or None for one that is no answer or tells of a fault."""
        at, wrong, answer = time.monotonic(), "", None
        try:
            answer = ask()
            wrong = "" if answer.status in good else str(answer.status)
        except requests.RequestException as error:
            wrong = type(error).__name__
        with self._lock:
            self.asked.append((at, what, wrong))
        time.sleep(PAUSE)
        return answer if answer is not None and not wrong else None

    def _make_and_revoke(self) -> None:
        app, number = self._own(self._opaque), 0
        while not self._over.is_set():
            made = self._try("make", app.client_credentials)
            if made is None:
                continue
            token, number = made.json["access_token"], number + 1
            if number % 2:
                self.promised.good.add(token)
            elif self._try("revoke", functools.partial(app.revoke, token)) is not None:
                self.promised.ended.add(token)
            else:
                self.promised.unknown.add(token)

    def _sign(self) -> None:
        app = self._own(self._job)
        while not self._over.is_set():
            self._try("sign", app.client_credentials)

    def _look_up(self) -> None:
        """What was ended before is never good, and nothing that is good is called ended."""
        app = self._own(self._app)
        while not self._over.is_set():
            for ended, among in ((False, self.promised.good), (True, self.promised.ended)):
                token = next(iter(among.copy()), "")
                asking = functools.partial(app.post, "/oauth/introspect", {"token": token})
                answer = self._try("look up", asking) if token else None
                if answer is not None and answer.json["active"] is ended:
                    self.promised.wrongly.append(token)
            time.sleep(PAUSE)

    def _refresh(self, token: str) -> None:
        """A program that asks again with what it has, as long as it hears nothing; 400 ends its chain."""
        app = self._own(self._app)
        while not self._over.is_set():
            answer = self._try("refresh", functools.partial(app.refresh, token), good=(200, 400))
            if answer is None:
                continue
            if answer.status == 400:
                self.promised.broken_chains.append(token)
                return
            token = answer.json["refresh_token"]

    # -- what came of it

    def await_all(self, seconds: float = 60) -> None:
        """Until each kind of request was answered well since now."""
        since = time.monotonic()
        wanted = {"make", "revoke", "sign", "look up"} | ({"refresh"} if not self.promised.broken_chains else set())
        until(lambda: {what for at, what, wrong in list(self.asked) if at > since and not wrong} >= wanted, seconds)

    def failures(self) -> Counter[str]:
        return Counter(f"{what}: {wrong}" for _, what, wrong in self.asked if wrong)

    def share_failed(self) -> float:
        return sum(self.failures().values()) / max(1, len(self.asked))

    def recovery(self, since: float) -> float:
        """Seconds from then to the last request that failed."""
        return max((at - since for at, _, wrong in self.asked if wrong and at >= since), default=0.0)

    def require_kept(self, app: App) -> None:
        """Each promise, looked up where `app` asks; what nobody heard the end of is left out."""
        kept = self.promised
        fault_table.promised(f"and {len(kept.good)} made, {len(kept.ended)} revoked under load:", more=True)
        assert kept.wrongly == []
        assert not [token for token in kept.good if not app.is_active(token)], "acknowledged, and not there"
        assert not [token for token in kept.ended if app.is_active(token)], "revoked, and good"
