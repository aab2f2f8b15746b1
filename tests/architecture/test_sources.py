"""Rules for every module of the package (design.md section 5)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from authserver.lib import secrets
from tests.architecture import sources

CLOCK_READS = {
    "time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
RANDOM_MODULES = {"random", "secrets", "uuid"}
ATTICS = {"utils", "util", "helpers", "helper", "common", "misc"}


def test_every_module_says_in_one_line_what_it_is() -> None:
    def first_paragraph_is_one_line(name: str) -> bool:
        docstring = ast.get_docstring(sources.tree(name)) or ""
        return bool(docstring) and "\n" not in docstring.split("\n\n")[0]

    assert [name for name in sources.modules() if not first_paragraph_is_one_line(name)] == []


def test_no_module_is_an_attic() -> None:
    def parts(name: str) -> set[str]:
        return set(name.removesuffix(".py").split("/"))

    assert [name for name in sources.ending(".py") if parts(name) & ATTICS] == []


def test_how_far_clocks_may_be_apart_is_stated_once() -> None:
    """The others with such a name speak of a network, and of seconds that a person takes."""
    others = {"domain/grants/device_codes.py", "domain/api_keys/wishes.py"}
    stated = {
        name.removeprefix("authserver/")
        for name in sources.modules()
        for node in sources.tree(name).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if any(isinstance(each, ast.Name) and "LEEWAY" in each.id for each in node.targets)
    }
    assert stated - others == {"lib/clock.py"}


def test_only_the_clock_reads_the_time() -> None:
    found = [
        f"{name}:{node.lineno}: {sources.dotted(node)}"
        for name in sources.modules()
        if name != "authserver/lib/clock.py"
        for node in ast.walk(sources.tree(name))
        if isinstance(node, ast.Attribute) and sources.dotted(node) in CLOCK_READS
    ]
    found += [
        name for name in sources.modules() if name != "authserver/lib/clock.py" and "time.time" in sources.imports(name)
    ]
    assert found == []


def test_only_lib_secrets_draws_random_values() -> None:
    def draws(name: str) -> bool:
        randomness = sources.imports(name) & RANDOM_MODULES
        urandom = any(
            sources.dotted(node) == "os.urandom"
            for node in ast.walk(sources.tree(name))
            if isinstance(node, ast.Attribute)
        )
        return bool(randomness) or urandom or "os.urandom" in sources.imports(name)

    assert [name for name in sources.modules() if name != "authserver/lib/secrets.py" and draws(name)] == []


OUT = [
    "authlib.jose",
    "passlib",
    "flask_login",
    "pickle",
    "marshal",
    "shelve",
    "yaml",
    "xml",
    "lxml",
    "ldap3",
    "ctypes",
]


def test_no_random_token_has_less_than_128_bits() -> None:
    """Identifiers (`random_id`) open nothing; what opens something is drawn here or by `secrets.generate`."""

    def is_short(call: ast.Call) -> bool:
        given = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else 32
        return sources.dotted(call.func).endswith("random_token") and (not isinstance(given, int) or given < 16)

    assert places(is_short) == []
    assert len(places(lambda call: sources.dotted(call.func) == "secrets.random_token")) > 6
    assert 62**secrets._BODY > 2**128


@pytest.mark.parametrize("module", OUT)
def test_nothing_imports_what_must_stay_out(module: str) -> None:
    def uses(name: str) -> bool:
        return any(imported == module or imported.startswith(f"{module}.") for imported in sources.imports(name))

    assert [name for name in sources.modules() if uses(name)] == []


def calls(name: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(sources.tree(name)) if isinstance(node, ast.Call))


def places(found: Callable[[ast.Call], bool], *, but: tuple[str, ...] = ()) -> list[str]:
    """Where the package calls what `found` says yes to."""
    names = [name for name in sources.modules() if name not in but]
    return [f"{name}:{call.lineno}: {ast.unparse(call)[:100]}" for name in names for call in calls(name) if found(call)]


def test_no_text_becomes_a_program() -> None:
    evaluating = {"eval", "exec", "compile", "__import__"}
    assert places(lambda call: isinstance(call.func, ast.Name) and call.func.id in evaluating) == []


def test_programs_are_started_with_lists_of_words_and_never_through_a_shell() -> None:
    def through_a_shell(call: ast.Call) -> bool:
        if sources.dotted(call.func) in {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}:
            return True
        if not sources.dotted(call.func).startswith("subprocess."):
            return False
        is_text = bool(call.args) and isinstance(call.args[0], (ast.Constant, ast.JoinedStr, ast.BinOp))
        return is_text or any(each.arg == "shell" for each in call.keywords)

    assert places(through_a_shell) == []
    started = places(lambda call: sources.dotted(call.func) in {"subprocess.run", "subprocess.Popen"})
    assert {each.partition(":")[0] for each in started} == {
        "authserver/cli/copies.py",
        "authserver/cli/scheduled_backups.py",
        "authserver/cli/embedded_postgres.py",
    }


# What may stand in the text of a statement, where no driver binds it: constants and a judged word.
IN_STATEMENTS = re.compile(r"_?[A-Z][A-Z_]*|settings\.db_synchronous")


def test_no_value_is_written_into_a_statement() -> None:
    def writes_a_value(call: ast.Call) -> bool:
        last = sources.dotted(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")
        if last not in {"text", "execute", "exec_driver_sql", "DDL", "literal_column"} or not call.args:
            return False
        sent = call.args[0]
        if isinstance(sent, ast.BinOp) and any(isinstance(each, ast.Constant) for each in (sent.left, sent.right)):
            return True
        if isinstance(sent, ast.Call) and isinstance(sent.func, ast.Attribute) and sent.func.attr == "format":
            return True
        values = [each.value for each in getattr(sent, "values", []) if isinstance(each, ast.FormattedValue)]
        return any(not IN_STATEMENTS.fullmatch(ast.unparse(each)) for each in values)

    names_of_columns = "authserver/domain/grants/grants.py"
    assert places(writes_a_value, but=(names_of_columns,)) == []
    assert [each for each in places(writes_a_value) if "__tablename__" not in each] == []
    assert len(places(lambda call: getattr(call.func, "attr", "") == "exec_driver_sql")) > 8


def test_what_leases_several_free_rows_chooses_them_once() -> None:
    def skips(call: ast.Call) -> bool:
        return any(each.arg == "skip_locked" for each in call.keywords)

    one_row_at_a_time = "authserver/domain/running/expiry_reminders.py"
    assert places(skips, but=("authserver/database.py", one_row_at_a_time)) == [], "database.free() does it"


def test_sentences_are_filled_in_only_where_their_form_is_a_constant() -> None:
    """`audit_sentences` takes its forms from a table of its own, and fills in texts, which are not read as forms."""

    def fills_in(call: ast.Call) -> bool:
        is_format = isinstance(call.func, ast.Attribute) and call.func.attr in {"format", "format_map"}
        return is_format and not isinstance(call.func.value, ast.Constant)  # type: ignore[attr-defined]  # an Attribute

    assert places(fills_in, but=("authserver/domain/insight/audit_sentences.py",)) == []


def test_patterns_made_at_run_time_escape_what_they_are_made_of() -> None:
    making = {
        name
        for name in sources.modules()
        for call in calls(name)
        if sources.dotted(call.func) in {"re.compile", "re.match", "re.fullmatch", "re.search", "re.sub", "re.split"}
        and call.args
        and not _is_ours(call.args[0])
    }
    escaping = {name for name in making if "re.escape(" in sources.read(name)}
    assert making - escaping == {
        "authserver/edge/json_schema.py",  # the patterns of schemas, which stand in the routes of the API
        "authserver/lib/secrets.py",  # the kinds of credentials
    }
    assert len(escaping) > 1


def _is_ours(pattern: ast.expr) -> bool:
    """A constant, or one put together from constants of the module."""
    if isinstance(pattern, ast.JoinedStr):
        values = [each.value for each in pattern.values if isinstance(each, ast.FormattedValue)]
        return all(isinstance(each, ast.Name) and each.id.isupper() for each in values)
    if isinstance(pattern, ast.BinOp):
        return _is_ours(pattern.left) and _is_ours(pattern.right)
    return isinstance(pattern, ast.Constant) or (isinstance(pattern, ast.Name) and pattern.id.isupper())


def test_escapes_are_undone_in_the_few_places_that_read_what_is_escaped() -> None:
    """Each decodes once what it was handed as it came (ASVS 1.1.1); a new place needs a thought."""
    undoing = {"unquote", "unquote_plus", "unquote_to_bytes", "parse_qs", "parse_qsl", "unescape"}
    found = {
        name
        for name in sources.modules()
        for call in calls(name)
        if sources.dotted(call.func).rpartition(".")[2] in undoing
    }
    assert found == {
        "authserver/config/rules.py",  # a URL of the operator's
        "authserver/domain/access/resource_wishes.py",  # an identifier's path, to compare it with our own
        "authserver/domain/access/protected_resources.py",  # the path of a well-known address
        "authserver/gateway/original_request.py",  # the path that a proxy asks about; a second reading is refused
        "authserver/lib/basic_auth.py",  # RFC 6749 section 2.3.1
        "authserver/lib/form_body.py",  # application/x-www-form-urlencoded
        "authserver/lib/redirect_uris.py",  # names of a registered query, to compare
        "authserver/mailer.py",  # name and password in a URL of the operator's
    }


def test_nothing_vouches_for_markup_except_the_template_engine() -> None:
    pages = sources.ending(".html", ".txt", under="templates/")
    icons = "templates/macros/icons.html"  # draws from a table of paths that stands in the same file
    assert sources.lines_with(r"\|\s*safe\b|autoescape\s+false", pages, but=(icons,)) == []
    assert len(sources.lines_with(r"\|\s*safe\b", [icons])) <= len(sources.lines_with(r"paths\[name\]\|safe", [icons]))
    made = r"\bMarkup\(|\bMarkup\.|render_template_string|\.from_string\(|(?-i:\bTemplate\()"
    assert sources.lines_with(made, sources.modules()) == []


def test_no_script_writes_markup() -> None:
    scripts = sources.ending(".js", ".mjs", under="static/")
    pattern = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert sources.lines_with(pattern, scripts) == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"<[^>]*\sstyle\s*=",  # the policy has no 'unsafe-inline': the browser would drop it
        r"<[^>]*\son[a-z]+\s*=",
        r"""(href|src|action)\s*=\s*["']\s*javascript:""",
        r"<script(?![^>]*(\bsrc=|\bnonce=))",
    ],
    ids=["style attribute", "event attribute", "javascript: address", "script without nonce"],
)
def test_pages_carry_nothing_that_the_content_security_policy_would_drop(pattern: str) -> None:
    assert sources.lines_with(pattern, sources.ending(".html", under="templates/")) == []


def test_nothing_is_left_open() -> None:
    words = "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"])
    assert sources.lines_with(rf"(?-i:\b({words})\b)", [*sources.modules(), *sources.ending(".html", ".js")]) == []


def test_a_check_that_is_switched_off_says_why_on_its_line() -> None:
    bare = r"# (noqa|type: ?ignore)(?!.*  # (?!fmt:|noqa|type:)\S)"
    assert sources.lines_with(bare, [*sources.modules(), *sources.ending(".py", under="migrations/")]) == []
    assert sources.lines_with(r"# (noqa(?!:)|type: ?ignore(?!\[))", sources.modules()) == []
