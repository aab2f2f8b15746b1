"""docs/security/data.md: every column of every table has its class, and every kind of row its end."""

from __future__ import annotations

import inspect
import re

import authserver.models  # fills the metadata
from authserver.domain.running import retention
from authserver.lib import clock
from authserver.tables import Base
from tests.architecture import sources
from tests.docs import pages

PLACES = ("where", "what", "protected by", "kept")
COLUMNS = ("table", "ordinary", "about a person", "secret", "kept")
ROWS = {pages.spans(row[0])[0]: row for row in pages.table("data.md", *COLUMNS)}
TABLES = {table.name: table for table in Base.metadata.tables.values()}


def test_every_table_has_its_row() -> None:
    assert set(ROWS) == set(TABLES)


def test_every_column_has_one_class() -> None:
    said = {name: sorted(span for cell in row[1:4] for span in pages.spans(cell)) for name, row in ROWS.items()}
    assert said == {name: sorted(table.columns.keys()) for name, table in TABLES.items()}


def test_what_is_a_digest_a_seal_or_a_hash_of_a_password_is_called_secret() -> None:
    secret = re.compile(r"digest|\w+_sealed|password_hash|signature")
    for name, table in TABLES.items():
        wanted = {column.name for column in table.columns if secret.fullmatch(column.name)}
        assert wanted <= set(pages.spans(ROWS[name][3])), name


def test_what_refers_to_a_person_is_called_about_a_person() -> None:
    for name, table in TABLES.items():
        people = {
            column.name for column in table.columns for key in column.foreign_keys if key.column.table.name == "users"
        }
        assert people <= set(pages.spans(ROWS[name][2])), name


def test_what_scripts_keep_in_the_browser_is_listed() -> None:
    """By the name under which it lies; what is not listed is kept by nobody."""
    scripts = "\n".join(sources.read(name) for name in sources.ending(".js", under="static/"))
    called = r"(?:local|session)Storage\.(?:(?:get|set|remove)Item\(\"([\w.]+)\"|(?!(?:get|set|remove)Item)(\w+))"
    kept = {first or second for first, second in re.findall(called, scripts)}
    assert len(kept) > 1
    assert len(re.findall(r"(?:local|session)Storage", scripts)) == len(re.findall(called, scripts))
    assert not re.search(r"indexedDB|caches\.open|serviceWorker", scripts)
    reading = [name for name in sources.ending(".js", under="static/") if "document.cookie" in sources.read(name)]
    assert reading == ["static/js/app.js", "static/js/session_state.js"]
    # One script writes one: the theme's, under the name that its form gives.
    assert re.findall(r"document\.cookie\s*[-+]?=(?!=) *(\S*)", scripts) == [
        "`${form.dataset.remembers}=${target.value};"
    ]
    (row,) = [row for row in pages.table("data.md", *PLACES) if row[0] == "the browser"]
    assert kept <= set(pages.spans(row[1]))


def test_the_rows_that_are_purged_say_when() -> None:
    """Each table that the purge names; a table that it does not name says whose end it shares, or that it stays."""
    purged = {
        getattr(authserver.models, name).__tablename__
        for name in re.findall(r"\b([A-Z]\w+)\.\w+", inspect.getsource(retention._expired))
        if hasattr(authserver.models, name)
    }
    assert len(purged) > 12
    assert [
        name for name in purged if not re.search(r"\d+ (day|hour|minute|s)|at once|at its end", ROWS[name][4])
    ] == []


NOW = 2_000_000_000
SPANS = {
    0: r"at its end|until its window ends|the rest 1 day",
    clock.JUMP: r"and 26 hours for the clocks",
    3600: r"an hour after its end",
    86_400: r"1 day (after its end|more)",
    7 * 86_400: r"^7 days$",
    30 * 86_400: r"^30 days( after its end)?$",
    400 * 86_400: r"^400 days",
}


def test_each_kind_of_row_is_kept_as_long_as_its_line_says() -> None:
    """The spans are those that the purge's own conditions subtract from the present."""
    compared = 0
    for model, condition in retention._expired(NOW):
        sql = str(condition.compile(compile_kwargs={"literal_binds": True}))
        spans = {NOW - int(number) for number in re.findall(r"\b\d{10}\b", sql)}
        assert spans and spans <= set(SPANS), (model.__tablename__, spans)
        for span in spans:
            compared += 1
            assert re.search(SPANS[span], ROWS[model.__tablename__][4]), (model.__tablename__, span)
            if model is authserver.models.UsageCount:
                assert f"in `usage_counts` for {span // 86_400} days" in pages.read("logging.md")
    assert compared > 15
