"""The style sheets are for readers: a component in one file, no side by its name, sizes that follow a reader's own."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from authserver.edge import static_files, style_sheets
from tests.architecture import sources
from tests.support.tables import rows

FOLDER = sources.ROOT / "static"
SHEETS = sorted((FOLDER / "css").glob("*.css"))
PARTS = [part for sheet in SHEETS for part in style_sheets.parts(sheet)]
# Bytes that a browser loads before it can show an ordinary page, and for the playground on top of them.
COMPRESSED = {"css/app.css": 12_000, "css/playground.css": 3_000}
WIDTHS = {"30rem", "40rem", "48rem", "52rem", "60rem", "64rem", "66rem"}


def text(part: Path) -> str:
    """A file without its comments."""
    return re.sub(r"/\*.*?\*/", "", part.read_text(), flags=re.DOTALL)


def outermost(part: Path) -> list[str]:
    """What stands in front of each block that is in no other."""
    found, depth, start = [], 0, 0
    whole = text(part)
    for match in re.finditer(r"[{};]", whole):
        if match[0] == "{":
            if depth == 0:
                found.append(" ".join(whole[start : match.start()].split()))
            depth += 1
        elif match[0] == "}":
            depth -= 1
        if depth == 0:
            start = match.end()
    return found


def name(part: Path) -> str:
    return part.relative_to(FOLDER / "css").as_posix()


@pytest.mark.parametrize(("sheet", "limit"), COMPRESSED.items())
def test_a_sheet_is_light(sheet: str, limit: int) -> None:
    assert len(static_files.read(FOLDER)[sheet].document.packed) <= limit


def test_every_file_is_imported_once() -> None:
    written = {path for path in (FOLDER / "css").rglob("*.css") if path not in SHEETS}
    assert sorted(PARTS) == sorted(written)


def test_a_joined_sheet_has_every_rule_and_no_import() -> None:
    for sheet in SHEETS:
        joined = style_sheets.joined(sheet)
        assert "@import" not in joined and "/*" not in joined
        assert joined.count("{") == joined.count("}")
        for part in style_sheets.parts(sheet):
            assert [each for each in text(part).split() if each not in joined] == []


def test_every_layer_that_is_used_has_its_place() -> None:
    order = re.search(r"@layer ([\w, ]+);", (FOLDER / "css/app.css").read_text())
    assert order
    used = {layer for sheet in SHEETS for layer in re.findall(r"layer\((\w+)\)", sheet.read_text())}
    assert used == set(order[1].split(", "))


def test_a_component_is_in_one_file() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for part in PARTS:
        for selector in re.split(r",(?![^(]*\))", ",".join(outermost(part))):
            for leading in re.findall(r"^\s*(\.[a-z][\w-]*)", selector):
                homes[leading].add(name(part))
    assert {each: sorted(files) for each, files in homes.items() if len(files) > 1} == {}
    assert len(homes) > 80


def test_a_rule_is_in_one_place_and_what_a_width_changes_is_in_it() -> None:
    for part in PARTS:
        found = outermost(part)
        assert sorted(set(found)) == sorted(found), name(part)
        assert [each for each in found if each.startswith("@") and "@supports" not in each] == [], name(part)


def test_no_rule_is_for_a_class_that_nothing_has() -> None:
    written = "\n".join(sources.read(each) for each in sources.ending(".html", ".js", under=""))
    words = set(re.findall(r"[A-Za-z][\w-]*", written))
    known = {each for part in PARTS for each in re.findall(r"\.([a-z][\w-]*)", re.sub(r"url\(.*?\)", "", text(part)))}
    # Put together from two words.
    assert {each for each in known - words if not each.endswith("-text")} == set()


@rows("part", PARTS)
def test_nothing_is_named_by_the_side_it_is_on(part: Path) -> None:
    sides = r"(?:left|right|top|bottom)"
    named = re.findall(
        rf"(?<![\w-])(?:(?:margin|padding|border|inset|scroll-padding)-{sides}|{sides})[\w-]*\s*:.*", text(part)
    )
    aligned = re.findall(r"(?:text-align|float|clear):\s*(?:left|right).*", text(part))
    # Four values name the sides by their order.
    by_order = re.findall(
        r"(?:margin|padding|inset|border-width|border-radius):\s*(?:[^\s;]+\s+){3}[^\s;]+;", text(part)
    )
    assert named + aligned + by_order == []


@rows("part", PARTS)
def test_text_is_as_large_as_its_reader_wants(part: Path) -> None:
    sizes = re.findall(r"font(?:-size)?:([^;]*)", text(part))
    in_pixels = [each for each in sizes if "px" in each and each.strip() != "max(16px, 1rem) !important"]
    assert in_pixels == []


def test_widths_that_change_something_are_few() -> None:
    asked = {each for part in PARTS for each in re.findall(r"width [<>]=? ([\w.]+)", text(part))}
    assert asked <= WIDTHS
