"""docs/security/deployer.md: what it says that programs tell and do is so; the rest is for people."""

from __future__ import annotations

import re

from authserver.cli import VERBS
from authserver.config import SECRETS, Settings, is_loopback
from authserver.config.settings import FIELDS
from authserver.mailer import TIMEOUT_SECONDS
from authserver.observability import metrics
from tests.architecture import sources
from tests.docs import pages

PAGE = "deployer.md"
DUTIES = pages.table(PAGE, "must", "because", "told by")
TALKS = pages.table(PAGE, "to", "when", "limits")
# What opens connections to others, or listens; and modules that use it for something else.
NETWORK = {"socket", "http.client", "http.server", "urllib.request", "smtplib", "urllib3", "redis", "valkey", "psycopg",
           "opentelemetry", "requests", "httpx", "aiohttp", "ftplib", "telnetlib", "socketserver"}  # fmt: skip
LISTENING = {"authserver/cli/addresses.py", "authserver/observability/figures.py"}
ONLY_ITS_OWN_NAME = {"authserver/domain/webhooks/leases.py", "authserver/observability/otlp.py"}


def test_every_module_that_opens_a_connection_is_named() -> None:
    opening = {
        name
        for name in sources.modules()
        if any(each in NETWORK or each.partition(".")[0] in NETWORK - {"http"} for each in sources.imports(name))
    }
    named = {span for row in TALKS for span in pages.spans(row[2]) if span.startswith("authserver/")}
    assert len(opening) > 6
    assert opening - named - LISTENING - ONLY_ITS_OWN_NAME == set()
    assert all("gethostname" in sources.read(name) for name in ONLY_ITS_OWN_NAME)


def test_the_figure_of_each_connection_is_that_of_the_code() -> None:
    """The others stand in `test_figures`; here every figure of the table is known to one of the two."""
    assert f"{TIMEOUT_SECONDS} s for an answer (`authserver/mailer.py`)" in pages.read(PAGE)
    from tests.docs.test_figures import SENTENCES

    known = " ".join(sentence for page, sentence in SENTENCES if page == PAGE) + f" {TIMEOUT_SECONDS} s for an answer"
    said = [figure for row in TALKS for figure in re.findall(r"\d+ (?:s|ms|kB|min|h|turns|hours)\b", row[2])]
    assert len(said) > 10
    assert [figure for figure in said if figure not in known] == []


def test_every_duty_has_a_reason_and_says_who_tells() -> None:
    assert len(DUTIES) > 15
    assert [row[0] for row in DUTIES if not row[1] or not row[2]] == []


def test_who_is_said_to_tell_exists() -> None:
    """A command, an event of the log, a metric, or a test that shows it."""
    for row in DUTIES:
        for span in pages.spans(row[2]):
            if span.startswith("tests/"):
                assert "::" in span, span
            elif span.startswith("AUTHSERVER_"):
                assert span.removeprefix("AUTHSERVER_").lower() in FIELDS, span
            elif span.startswith("authserver_"):
                assert span in metric_names(), span
            elif span in {"deploy", "make audit"}:
                assert pages.exists(span) or f"{span.removeprefix('make ')}:" in sources.read("Makefile")
            elif span.partition(" ")[0] in VERBS:
                continue
            else:
                assert f"`{span}`" in pages.read("logging.md"), span


def metric_names() -> set[str]:
    return set(re.findall(r'"(authserver_\w+)"', sources.read("authserver/observability/figures.py")))


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"\bAUTHSERVER_([A-Z_]+)", "\n".join(pages.read(each) for each in pages.names())))
    assert {name.lower() for name in named} <= set(FIELDS)


def test_what_listens_does_so_on_loopback_unless_set() -> None:
    plain = Settings()
    assert is_loopback(plain.host)
    assert is_loopback(plain.metrics_bind.rpartition(":")[0])
    assert metrics.next_to(plain.metrics_bind).startswith(plain.metrics_bind.rpartition(":")[0])


def test_no_setting_and_no_deployed_file_brings_a_secret() -> None:
    """Neither a default nor a sample that somebody could leave as it is (ASVS 13.2.3)."""
    assert {name: getattr(Settings(), name) for name in SECRETS if getattr(Settings(), name)} == {}
    files = [*sources.ending("", under="deploy/"), *sources.ending("", under="examples/"), "compose.yaml", "Dockerfile"]
    secret = (
        r"(password|passwd|secret(_key)?|kek|token)[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9+_-][A-Za-z0-9+/_-]{7,}[\"']?\s*$"
    )
    assert len(files) > 12
    assert sources.lines_with(secret, files) == []
    assert sources.lines_with(r"://[^/\s:@$]+:[^/\s@$]+@", files) == []
    assert sources.lines_with(r"POSTGRES_HOST_AUTH_METHOD|:\s*trust\b", files) == []


def test_the_proxy_that_we_hand_out_does_what_is_asked_of_one() -> None:
    """https alone, without a redirect, and nothing that weakens Caddy's own TLS (1.2 and 1.3, forward secrecy)."""
    said = "\n".join(
        line for line in sources.read("deploy/https/Caddyfile").splitlines() if not line.strip().startswith("#")
    )
    assert "auto_https disable_redirects" in said and "redir" not in said.replace("disable_redirects", "")
    assert re.findall(r"^(\S+) \{$", said, re.MULTILINE) == ["https://auth.example.com"]
    assert not re.search(r"\b(protocols|ciphers|insecure|header_up\s+X-Forwarded|trusted_proxies)\b", said)
    assert "admin off" in said
