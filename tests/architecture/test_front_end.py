"""The front end's budget, and what the content security policy would refuse."""

import re
from pathlib import Path

import pytest

from tests.support.tables import rows

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INLINE = re.compile(r"""\s(?:style|on[a-z]+)\s*=\s*["']""")


BUDGETS = [
    ("js/app.js", 10_500),
    # Loaded by the frame of apps alone.
    ("js/session_state.js", 1_500),
    # Loaded by the playground alone.
    ("js/playground.js", 25_500),
    ("js/playground_tokens.js", 8_000),
    ("js/playground_programs.js", 3_500),
    ("js/playground_callback.js", 2_000),
    ("js/playground_needs.js", 2_000),
    ("js/playground_device.js", 3_500),
    ("js/playground_registration.js", 4_000),
    ("js/playground_logout.js", 3_000),
]


@pytest.mark.parametrize(("name", "limit"), BUDGETS)
def test_a_static_file_stays_within_its_budget(name: str, limit: int) -> None:
    assert (ROOT / "static" / name).stat().st_size <= limit


@rows("template", TEMPLATES)
def test_a_template_holds_no_inline_style_or_handler(template: Path) -> None:
    assert INLINE.search(template.read_text()) is None


@rows("template", TEMPLATES)
def test_an_inline_script_or_style_sheet_carries_the_nonce(template: Path) -> None:
    tags = re.findall(r"<(?:script|style)\b[^>]*>", template.read_text())
    assert [tag for tag in tags if "nonce=" not in tag] == []


@pytest.mark.parametrize("script", sorted((ROOT / "static" / "js").glob("*.js")), ids=lambda path: path.name)
def test_a_script_makes_no_markup_from_text(script: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|Function\(", script.read_text()
    )


SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_cannot_change_a_prototype(script: Path) -> None:
    """What changes one: naming it, or a value put below a member whose name was computed; `for … in` walks it."""
    text = script.read_text()
    assert not re.search(r"__proto__|\bprototype\b|\bconstructor\b|\bfor\s*\([^)]*\bin\b", text)
    assert not re.search(r"\[[^\]\n]+\](\.\w+|\[[^\]\n]+\])+\s*[-+|&?*/]{0,2}=(?![=>])", text)
    assert not re.search(r"Object\.(assign|defineProperty|setPrototypeOf)\([^;]*JSON\.parse|structuredClone", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_listens_to_no_other_window(script: Path) -> None:
    """Messages come by a BroadcastChannel alone, which is of one origin; but for the frame that answers every site."""
    if script.name == "session_state.js":
        assert "postMessage" in script.read_text() and "event.origin" in script.read_text()
        return
    heard = re.findall(r"(\w*)\.?(?:addEventListener\(\s*[\"']message|onmessage\s*=)", script.read_text())
    channels = set(re.findall(r"(\w+) = new BroadcastChannel", script.read_text()))
    assert set(heard) <= channels


def test_nothing_can_be_uploaded() -> None:
    """ASVS chapter 5 does not apply while this holds."""
    assert [each.name for each in TEMPLATES if re.search(r"type=\"file\"|multipart/form-data", each.read_text())] == []
    modules = (ROOT / "authserver").rglob("*.py")
    reading = [each.name for each in modules if re.search(r"request\.files|FileField|FileStorage", each.read_text())]
    assert reading == ["form_limits.py"]  # which refuses them


FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
TYPED = re.compile(r"\brequired\b|forms\.(?:input|field|textarea|password|rows)\(|type=\"(?:email|url|number|date)")


@rows("template", TEMPLATES)
def test_a_form_that_can_be_wrong_is_judged_by_us_and_not_by_the_browser(template: Path) -> None:
    forms = FORM.findall(template.read_text())
    assert [
        head for head, body in forms if 'method="post"' in head and TYPED.search(body) and "novalidate" not in head
    ] == []


def test_a_page_with_a_secret_that_is_shown_once_lets_nobody_leave_unasked() -> None:
    """Scripts ask before one leaves (data-guard); signing out is a question in another tab (shows_secret)."""
    texts = {each: each.read_text(encoding="utf-8") for each in TEMPLATES}
    shown = {each for each in TEMPLATES if "ui.secret_box(" in texts[each] and "macros" not in each.parts}
    assert len(shown) > 4
    assert [each for each in shown if "data-guard" not in texts[each]] == []
    parts = {each.name for each in shown if "extends" not in texts[each]}
    pages = [each for each in TEMPLATES if each in shown or any(f"/{part}" in texts[each] for part in parts)]
    assert [each for each in pages if each.name not in parts and "shows_secret = true" not in texts[each]] == []
