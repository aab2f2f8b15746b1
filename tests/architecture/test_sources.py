"""Rules for every module of the package (design.md section 5)."""

from __future__ import annotations

import ast

import pytest

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


@pytest.mark.parametrize("module", ["authlib.jose", "passlib", "flask_login", "pickle", "marshal"])
def test_nothing_imports_what_must_stay_out(module: str) -> None:
    def uses(name: str) -> bool:
        return any(imported == module or imported.startswith(f"{module}.") for imported in sources.imports(name))

    assert [name for name in sources.modules() if uses(name)] == []


def test_nothing_vouches_for_markup_except_the_template_engine() -> None:
    pages = sources.ending(".html", ".txt", under="templates/")
    icons = "templates/macros/icons.html"  # draws from a table of paths that stands in the same file
    assert sources.lines_with(r"\|\s*safe\b|autoescape\s+false", pages, but=(icons,)) == []
    assert len(sources.lines_with(r"\|\s*safe\b", [icons])) <= len(sources.lines_with(r"paths\[name\]\|safe", [icons]))
    assert sources.lines_with(r"\bMarkup\(|\bMarkup\.|render_template_string", sources.modules()) == []


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
