"""docs/security/logging.md lists every line of the log and every event of the audit log, with what each carries."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from authserver.domain.insight import audit_sentences
from authserver.domain.record import audit
from authserver.observability import logs
from authserver.ops import csp_reports
from tests.architecture import sources
from tests.docs import pages

PLACES = ("place", "form", "written by", "kept", "who reads it")
LINES = {
    pages.spans(row[0])[0]: set(pages.spans(row[2]))
    for row in pages.table("logging.md", "event", "when", "members besides")
}
EVENTS = {pages.spans(row[0])[0]: set(pages.spans(row[1])) for row in pages.table("logging.md", "type", "its data")}
OF_FAILURES = {"error", "msg", "traceback"}
WRITTEN_BY_THE_LOG_ITSELF = {"log", "log.failed", "log_lines_dropped"}
TYPE = re.compile(r"[a-z_]+\.[a-z_]+")
OF_EVERY_EVENT = {"target", "owner_id", "client_id", "result", "reason", "actor"}


def calls(name: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(sources.tree(name)) if isinstance(node, ast.Call))


def keywords(call: ast.Call) -> set[str]:
    return {each.arg for each in call.keywords if each.arg}


def constants(nodes: list[ast.expr]) -> set[str]:
    return {
        each.value
        for node in nodes
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def lines_of_the_code() -> dict[str, set[str]]:
    """Each event's name → its members, of `logs.event("name", …)`, `logs.failure(…)` and partials of them."""
    found: dict[str, set[str]] = {}
    for module in sources.modules():
        for call in calls(module):
            writers = [sources.dotted(each) for each in (call.func, *call.args)]
            kind = next((each for each in writers if each in ("logs.event", "logs.failure")), "")
            if kind:
                (name,) = [each.value for each in call.args if isinstance(each, ast.Constant)][:1] or [""]
                assert isinstance(name, str) and name, f"{module}:{call.lineno}: an event whose name nobody can look up"
                members = keywords(call) - {"level"} | (OF_FAILURES if kind == "logs.failure" else set())
                found.setdefault(name, set()).update(
                    members - {"request_id", "trace_id"} - ({"ip"} if name == "request" else set())
                )
    return found


def members_of_requests() -> set[str]:
    """What a request's own line is given on its way: `….log["x"] = …`, `….log |= {"x": …}`, `….log.update(x=…)`."""
    found: set[str] = set()
    for module in sources.modules():
        source = sources.read(module)
        found |= set(re.findall(r'\.log\["(\w+)"\] = ', source))
        found |= {
            name
            for each in re.findall(r"\.log\.update\(([^()]*=[^()]*)\)", source)
            for name in re.findall(r"(\w+)=", each)
        }
        found |= {name for each in re.findall(r"\.log \|= (.+)", source) for name in re.findall(r'"(\w+)": ', each)}
    return found


def test_every_line_of_the_log_is_listed() -> None:
    assert len(LINES) > 30
    assert set(LINES) == set(lines_of_the_code()) | WRITTEN_BY_THE_LOG_ITSELF


def test_with_every_member_it_carries() -> None:
    missing = {name: members - LINES[name] for name, members in lines_of_the_code().items()}
    assert {name: each for name, each in missing.items() if each} == {}
    assert len(members_of_requests()) > 8
    assert members_of_requests() - LINES["request"] == set()


def test_with_what_browsers_report() -> None:
    assert {name.replace("-", "_") for name in csp_reports.KEPT} == LINES["csp_report"]


def test_nothing_is_logged_but_to_the_places_that_are_listed() -> None:
    """stderr by one module, stdout for the results of commands, and no file or service of its own (ASVS 16.2.3)."""
    streams = {
        name for name in sources.modules() if re.search(r"\bsys\.(stdout|stderr)\b|\bprint\(", sources.read(name))
    }
    commands = {name for name in streams if name.startswith("authserver/cli/")}
    assert streams - commands == {
        "authserver/observability/logs.py",
        "authserver/edge/arriving.py",  # WSGI's own stream for errors (PEP 3333), which nothing writes to
    }
    handlers = r"FileHandler|SysLogHandler|HTTPHandler|SocketHandler|logging\.handlers|\bimport syslog\b"
    assert sources.lines_with(handlers, sources.modules()) == []
    assert {row[0].partition(":")[0] for row in pages.table("logging.md", *PLACES)} == {
        "the audit log",
        "the log",
        "spans, with `AUTHSERVER_OPENTELEMETRY=on` alone",
        "metrics",
    }


def test_what_a_line_begins_with_is_listed() -> None:
    listed = set(pages.spans(pages.read("logging.md")))
    assert set(logs.ORDER) <= listed | {"trace_id"}


def recorded() -> dict[str, set[str]]:
    """Each type that a module hands to `audit.record`, also through a function of its own → the data beside it."""
    found: dict[str, set[str]] = {}
    for module in sources.modules():
        if not re.search(r"\.(record|end_misused)\(", sources.read(module)):  # of the log, or of a wing for its rows
            continue
        for call in calls(module):
            for type in constants(call.args):
                if type in audit_sentences.SENTENCES or (
                    TYPE.fullmatch(type) and "audit.record" in ast.unparse(call.func)
                ):
                    found.setdefault(type, set()).update(keywords(call) - OF_EVERY_EVENT)
    return found


def test_every_event_of_the_audit_log_is_listed_and_has_a_sentence() -> None:
    assert set(EVENTS) == set(recorded()) == set(audit_sentences.SENTENCES)


def test_with_its_data() -> None:
    missing = {type: data - EVENTS[type] for type, data in recorded().items()}
    assert {type: each for type, each in missing.items() if each} == {}


def test_what_every_event_has_is_listed() -> None:
    assert {*audit.HASHED, "hash"} <= set(pages.spans(pages.read("logging.md")))
