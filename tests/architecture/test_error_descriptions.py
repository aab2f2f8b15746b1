"""Every description of an OAuth error says what to do: read from the source, so that none is missed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from authserver.oauth import errors
from tests.architecture import sources

# Which argument of a call is the description: calls that refuse, by the last part of their name.
SAID_BY = {
    "InvalidRequest": 0, "InvalidScope": 0, "UnauthorizedClient": 0, "InvalidTarget": 0, "BearerError": 1, "refuse": 1,
    "_malformed": 0, "_early": 2, "error": 2, "_refuse": 3, "_ended": 1,
}  # fmt: skip
UNDER = (
    "authserver/oauth/", "authserver/domain/authorization/", "authserver/pages/consent.py",
    "authserver/edge/machine.py", "authserver/ops/security_txt.py",
)  # fmt: skip
# Refusals of the domain that `oauth.errors.translate` hands on in their own words.
HANDED_ON = ("authserver/domain/grants/", "authserver/domain/tokens/", "authserver/domain/limits/token_budget.py",
             "authserver/domain/clients/throttle.py")  # fmt: skip
PLACES = (
    "authorization_rules", "request_object", "device_code", "request_rules", "userinfo", "introspection", "errors",
    "client_credentials", "steps", "requests", "machine", "grants/grants", "refresh_tokens", "throttle", "token_budget",
)  # fmt: skip
# RFC 6749 section 5.2: the characters of a description.
CHARACTERS = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
VERBS = "Add|Allow|Ask|Assign|Check|Get|Keep|Leave|Register|Send|Set|Start|Try|Turn|Use|AUTHSERVER_SECURITY_CONTACT"
REMEDY = re.compile(rf"(?:^|[.:;,] )(?:or )?(?:{VERBS})\b", re.IGNORECASE)


def texts() -> Iterator[tuple[str, str]]:
    """Where a description is written, and what it says with `x` for what is put in."""
    for name in sources.modules():
        if name.startswith(UNDER):
            for call in _calls(name):
                position = SAID_BY.get(_name(call))
                if position is not None and len(call.args) > position:
                    for text in _said(name, call, call.args[position]):
                        yield f"{name}:{call.lineno}", text
        if name.startswith(HANDED_ON):
            for call in _calls(name):
                kind, field = sources.dotted(call.func), [each for each in call.keywords if each.arg == "field"]
                if kind == "RateLimited" or (kind == "Invalid" and field):
                    for text in _said(name, call, call.args[0]):
                        yield f"{name}:{call.lineno}", text


def _calls(name: str) -> list[ast.Call]:
    return [node for node in ast.walk(sources.tree(name)) if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    """The last part of what is called."""
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def _said(name: str, call: ast.Call, argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [argument.value] if isinstance(argument.value, str) else []
    if isinstance(argument, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "x" for part in argument.values)
        return ["".join(map(str, parts))]
    if isinstance(argument, ast.Name):
        return [text for each in _assigned(name, call, argument.id) for text in _said(name, call, each)]
    return []  # `refusal.public`, which is found where it is written


def _assigned(name: str, call: ast.Call, variable: str) -> list[ast.expr]:
    """The last value that stands before the call, in its function or in the module."""
    found: list[tuple[int, ast.expr]] = []
    for node in ast.walk(sources.tree(name)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            pairs: list[tuple[ast.expr, ast.expr]] = [(node.targets[0], node.value)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
            found += [(node.lineno, value) for to, value in pairs if isinstance(to, ast.Name) and to.id == variable]
    before = [each for each in found if each[0] < call.lineno] or found
    return [max(before, key=lambda each: each[0])[1]] if before else []


FOUND = list(texts())


def test_the_descriptions_are_found() -> None:
    files = {where.partition(":")[0] for where, _ in FOUND}
    for part in PLACES:
        assert any(part in name for name in files), part
    assert len(FOUND) > 50


@pytest.mark.parametrize(("where", "text"), FOUND)
def test_a_description_says_what_to_do(where: str, text: str) -> None:
    assert CHARACTERS.fullmatch(text) and text.endswith("."), (where, text)
    assert REMEDY.search(text), (where, text)


def test_so_do_the_fixed_ones_of_the_classes() -> None:
    own = [vars(each) for each in vars(errors).values() if getattr(each, "__module__", "") == errors.__name__]
    fixed = [each["description"] for each in own if isinstance(each.get("description"), str)]
    assert len(fixed) >= 3
    assert all(REMEDY.search(text) and CHARACTERS.fullmatch(text) for text in fixed), fixed
