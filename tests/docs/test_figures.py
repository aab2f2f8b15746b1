"""Figures in the sentences of docs/security: each is made from the constant that it tells of."""

from __future__ import annotations

import math

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from authserver import engines, patience
from authserver.config import Settings
from authserver.domain import outbound
from authserver.domain.api_keys import wishes
from authserver.domain.clients import keys as client_keys
from authserver.domain.ground import cache, idempotency, mails, throttle
from authserver.domain.insight import refusals
from authserver.domain.limits import storages, tiers
from authserver.domain.people import living
from authserver.domain.record import audit
from authserver.domain.running import chores, retention
from authserver.domain.signing import keys as signing_keys
from authserver.domain.tokens import backchannel_logout
from authserver.domain.webhooks import attempts, deliveries
from authserver.domain.webhooks import retention as webhook_retention
from authserver.edge import arriving, browser, exchange, form_limits, json_body, paging, unknown_proxies
from authserver.lib import (
    clock,
    emails,
    form_body,
    jwk,
    jwt,
    password_hash,
    password_rules,
    redirect_uris,
    sealing,
    secrets,
    webhook_signatures,
)
from authserver.lib import outbound as outbound_rules
from tests.docs import pages

DAY = 86_400
SECURITY = "../../SECURITY.md"
PLAIN = Settings()
BITS = int(secrets._BODY * math.log2(62))


def seconds(value: float) -> str:
    return f"{value:g} s"


def kilobytes(value: int) -> str:
    assert value % 1024 == 0
    return f"{value // 1024} kB"


def spans(values: tuple[int, ...]) -> str:
    """30 s, 2 min, 2 h."""
    units = ((3600, "h"), (60, "min"), (1, "s"))
    return ", ".join(next(f"{each // size} {name}" for size, name in units if each % size == 0) for each in values)


HASHER = password_hash._machine.hasher
HASHES = f"behind each one waits, {seconds(password_hash.WAIT_SECONDS)} at most"
FETCHES = f"once in {seconds(client_keys.REFETCH_SECONDS)} for each client, {seconds(client_keys.FETCH_TIMEOUT)} |"
LARGEST = f"{kilobytes(arriving.MAX_BODY)}, of machine endpoints {kilobytes(exchange.MAX_BODY)}"
STATEMENT, CONNECTION = seconds(engines.STATEMENT_TIMEOUT_MS / 1000), seconds(engines.POOL_SECONDS)
FIELDS, PARAMETERS = form_limits.MAX_FIELDS, form_limits.MAX_PARAMETERS
FORM = f"{FIELDS} fields and no files, its own token; {PARAMETERS} parameters in an address"
TURNS = f"{deliveries.ATTEMPTS} turns over {attempts.GIVE_UP_SECONDS // 3600} hours"
TOLD = f"{1 + len(backchannel_logout.BACKOFF)} turns over {sum(backchannel_logout.BACKOFF) // 3600} hours"
OUTSIDE = f"{seconds(outbound.TOTAL_SECONDS)}, {kilobytes(outbound.MAX_BODY)}"
JWKS = f"{seconds(client_keys.FETCH_TIMEOUT)}, {kilobytes(outbound.MAX_BODY)}, one try in"
REMEMBERED = f"{idempotency.ANSWER_SECONDS // 60} minutes, the rest {idempotency.REMEMBERED_SECONDS // DAY} day"
# Page, and what stands in it.
SENTENCES = [
    ("policies.md", HASHES),
    ("policies.md", f"its first {password_rules._JUDGED} characters"),
    ("policies.md", f"{OUTSIDE}. By the server"),
    ("policies.md", FETCHES),
    ("policies.md", f"{outbound.LOOKUPS['requests']} for what waits for an answer"),
    ("policies.md", f"{outbound.LOOKUPS['deliveries']} for deliveries"),
    ("policies.md", f"{seconds(arriving.BODY_SECONDS)} to arrive; {LARGEST}; {arriving.LARGE_BODIES} large ones"),
    ("policies.md", f"{STATEMENT} each, {CONNECTION} for a connection"),
    ("policies.md", f"{paging.MAX_LIMIT} rows a page"),
    ("policies.md", f"{form_body.MAX_FIELDS} fields and {kilobytes(form_body.MAX_BYTES)} together"),
    ("policies.md", f"| a redirect URI | {redirect_uris.MAX_LENGTH} characters"),
    ("policies.md", f"| a URL that we call | {outbound_rules.MAX_URL} characters"),
    ("policies.md", f"| an e-mail address | {emails.MAX_LENGTH} bytes"),
    ("policies.md", f"compact, {kilobytes(jwt.MAX_TOKEN)},"),
    ("policies.md", f"no member twice, {jwt.MAX_DEPTH} levels"),
    ("policies.md", f"no member twice, {json_body.MAX_DEPTH} levels"),
    ("policies.md", FORM),
    ("deployer.md", f"{CONNECTION} for a connection, then 503"),
    ("deployer.md", f"{seconds(patience.CONNECT_SECONDS)} to connect, {STATEMENT} for a statement"),
    ("deployer.md", f"{storages.REDIS_SECONDS * 1000:g} ms, then the next storage counts"),
    ("deployer.md", f"asked again after {seconds(tiers.REST_SECONDS)}"),
    ("deployer.md", f"tried again after {spans(mails.BACKOFF)} (`authserver/domain/ground/mails.py`)"),
    ("deployer.md", f"{OUTSIDE}; {TURNS}"),
    ("deployer.md", f"{OUTSIDE}; {TOLD}"),
    ("deployer.md", f"{JWKS} {seconds(client_keys.REFETCH_SECONDS)}"),
    ("threat-model.md", f"no redirects, {kilobytes(outbound.MAX_BODY)}, {seconds(outbound.TOTAL_SECONDS)};"),
    ("threat-model.md", f"rotated after {signing_keys.ROTATE_AFTER // DAY} days"),
    ("threat-model.md", f"it ends within {'a second' if cache.POLL_SECONDS == 1 else '?'}"),
    ("cryptography.md", f"worthless after {'an hour' if PLAIN.access_token_ttl == 3600 else '?'}"),
    ("cryptography.md", f"({jwk.RSA_BITS[0]} to {jwk.RSA_BITS[-1]} bit)"),
    ("cryptography.md", f"{HASHER.salt_len} bytes of salt, {HASHER.hash_len} of hash"),
    ("cryptography.md", f"SHA-256 of {BITS} random bits and more"),
    ("cryptography.md", f"{8 * sealing._NONCE}-bit random nonce"),
    ("cryptography.md", f"or {webhook_signatures._SHORTEST} to {webhook_signatures._LONGEST} bytes of the owner's"),
    ("cryptography.md", f"| webhook secrets | {8 * webhook_signatures._BYTES} bit"),
    ("cryptography.md", f"| client secrets, API keys | {BITS} bit"),
    ("cryptography.md", f"API keys end after {wishes.DEFAULT_LIFETIME // DAY} days unless chosen otherwise"),
    ("logging.md", f"in the table `refusals` for {refusals.KEPT_SECONDS // DAY} days"),
    ("logging.md", f"Every {audit.CHECKPOINT_EVERY} events or {audit.CHECKPOINT_SECONDS} seconds"),
    ("logging.md", f"`user_agent` ({len(audit.fingerprint('x'))} hex"),
    ("logging.md", f"requests of {'twenty' if unknown_proxies.PEOPLE == 20 else '?'} people"),
    ("data.md", f"SHA-256 of at least {BITS} random bits"),
    ("data.md", f"until the person is erased, {living.RESTORABLE // DAY} days after they were deleted"),
    ("data.md", f"at most {throttle.WINDOW_SECONDS // 60} minutes"),
    ("data.md", f"the answer {REMEMBERED}"),
    ("data.md", f"until the token would have expired, and {clock.JUMP // 3600} hours for the clocks"),
    ("data.md", f"| {retention.RESTORABLE // DAY} days after it was deleted |"),
    ("data.md", f"| {webhook_retention.KEPT_DAYS} days |"),
    ("data.md", f"the known browser's and the theme's {browser.YEAR // DAY} days"),
    ("asvs.md", f"for {'ten' if PLAIN.refresh_grace == 10 else '?'} seconds, in which a retry gets"),
    ("asvs.md", f"the {len(FREQUENCY_LISTS['passwords']) // 1000} 000 most common of breaches are refused"),
    ("asvs.md", f"clients may register RSA from {jwk.RSA_BITS[0]} bit"),
    (SECURITY, f"a refresh within {'ten' if PLAIN.refresh_grace == 10 else '?'} seconds yields the same successor"),
    (SECURITY, f"until it expires, at most {'an hour' if PLAIN.access_token_ttl == 3600 else '?'}"),
    (SECURITY, f"is refused within {'a second' if cache.POLL_SECONDS == 1 else '?'} on every worker"),
    ("dependencies.md", f"cut to {password_rules._JUDGED} characters first"),
]


@pytest.mark.parametrize(("page", "sentence"), SENTENCES, ids=[f"{page} {text}"[:70] for page, text in SENTENCES])
def test_what_a_page_says_in_figures_is_what_the_code_has(page: str, sentence: str) -> None:
    assert " ".join(sentence.split()) in " ".join(pages.read(page).split())


def test_what_has_expired_is_looked_for_as_often_as_the_page_says() -> None:
    (every,) = [often for often, chore in chores.CHORES if chore is retention.purge]
    assert every == 600 and "deletes every ten minutes what is past its time" in pages.read("data.md")
