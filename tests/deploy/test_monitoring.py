"""Alert rules and the dashboard look at what the server counts, by the names and labels that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from authserver import create_app
from authserver.config import Settings
from authserver.observability import metrics
from tests.architecture import sources
from tests.support.served import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
JOBS = [each["job_name"] for each in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]]
BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {each["name"]: each for each in BOARD["templating"]["list"]}
# What Prometheus adds to everything that it scrapes, and its own histograms' label.
SCRAPED, BUCKET = {"job", "instance"}, "le"
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
SELECTOR = re.compile(r"\b(authserver_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")


def test_expressions_are_found() -> None:
    assert len(RULES) > 20 and len(EXPRESSIONS) > 50


def expressions() -> Iterator[tuple[str, str]]:
    """Where each stands, and itself."""
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])
    yield from ((name, each["definition"]) for name, each in VARIABLES.items() if each["type"] == "query")


EXPRESSIONS = list(expressions())


def labels() -> dict[str, set[str]]:
    """The series that the registry can have, each with its labels."""
    found: dict[str, set[str]] = {}
    for collector in metrics.registry._collector_to_names:
        own = set(collector._labelnames)  # type: ignore[attr-defined]  # every kind has them
        for family in collector.describe():
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
            found |= {family.name + end: own | ({BUCKET} if end == "_bucket" else set()) for end in endings}
    return found


LABELS = labels()
SOURCE = "".join(sources.read(name) for name in sources.modules())


def test_the_registry_is_read_as_it_is() -> None:
    assert LABELS["authserver_logins_total"] == {"method", "result"}
    assert LABELS["authserver_http_request_duration_seconds_bucket"] == {"route", "le"}
    assert LABELS["authserver_ready"] == set()


@pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[f"{each[0]} {n}" for n, each in enumerate(EXPRESSIONS)]
)
def test_every_metric_and_label_of_an_expression_exists(where: str, expression: str) -> None:
    selected = SELECTOR.findall(expression)
    assert selected or "up{" in expression, where
    known = set(SCRAPED)
    for name, inside in selected:
        assert name in LABELS, name
        known |= LABELS[name]
        for label, _, _ in MATCHER.findall(inside):
            assert label in LABELS[name] | SCRAPED, (name, label)
    for grouping in GROUPING.findall(expression):
        assert {each.strip() for each in grouping.split(",")} <= known, grouping


@pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[f"{each[0]} {n}" for n, each in enumerate(EXPRESSIONS)]
)
def test_every_value_that_is_looked_for_is_one_that_the_server_gives(where: str, expression: str) -> None:
    for label, _, values in MATCHER.findall(expression):
        if label == "code":
            assert re.fullmatch(r"(\d|\[\d+\])\.\.", values), values
        elif label == "days":
            assert re.search(rf"EXPIRING_DAYS = \(.*\b{values}\b.*\)", SOURCE), values
        elif label not in SCRAPED:
            missing = [value for value in values.split("|") if f'"{value}"' not in SOURCE]
            assert missing == [], (where, label)


def test_routes_that_are_looked_for_are_served(settings: Settings) -> None:
    served = {rule.rule for rule in create_app(settings).url_map.iter_rules()}
    asked = {
        value
        for _, expression in EXPRESSIONS
        for label, _, values in MATCHER.findall(expression)
        if label == "route"
        for value in values.split("|")
    }
    assert asked
    assert asked <= served, asked


def test_every_job_that_is_looked_for_is_one_that_the_page_names() -> None:
    for _, expression in EXPRESSIONS:
        for label, sign, value in MATCHER.findall(expression):
            if label == "job" and value != "$job":
                assert value in JOBS if sign == "=" else any(re.fullmatch(value, job) for job in JOBS), value


# ---- rules


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_how_bad_it_is_what_is_so_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["alert"].startswith("Authserver")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "action"}
    for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
        kept = {each.strip() for inside in GROUPING.findall(rule["expr"]) for each in inside.split(",")}
        assert label in (kept or SCRAPED), label


def test_the_page_names_every_alert_with_its_severity_and_the_configuration_that_they_need() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    named = re.findall(r"^\| `(Authserver\w+)` \| .+ \| (\w+) \|$", page, re.MULTILINE)
    assert named == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]
    shown = page.partition("```yaml\nrule_files")[2].partition("```")[0]
    assert yaml.safe_load("rule_files" + shown) == yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())


def test_each_alert_is_proven_to_fire() -> None:
    proven = yaml.safe_load((PROMETHEUS / "alerts.test.yaml").read_text())["tests"]
    assert [each["name"] for each in proven] == ["all is well", *(rule["alert"] for rule in RULES)]
    assert proven[0]["promql_expr_test"][0]["exp_samples"] == []


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_what_an_action_names_exists(rule: dict[str, Any]) -> None:
    said = rule["annotations"]["action"]
    for event in re.findall(r"(?:log's|its log's) (\w+)", said):
        assert f'"{event}"' in SOURCE or event == "client_id", event
    from authserver.cli import VERBS
    from authserver.config.settings import FIELDS

    assert set(re.findall(r"authserver (\w+)", said)) <= set(VERBS)
    assert {name.lower() for name in re.findall(r"AUTHSERVER_([A-Z_]+)", said)} <= FIELDS.keys()


# ---- the dashboard


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name, _ in SELECTOR.findall(target["expr"])}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in LABELS}
    assert {re.sub(r"_bucket$", "", name) for name in shown} == families


def test_whoever_imports_it_chooses_their_own_prometheus() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert VARIABLES["datasource"]["query"] == "prometheus"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["datasource"] == chosen
        assert [each["datasource"] for each in panel["targets"]] == [chosen] * len(panel["targets"])


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_has_a_unit_a_sentence_and_looks_where_it_is_told(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"timeseries", "stat"}
    assert panel["description"].endswith(".")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        for _, inside in SELECTOR.findall(target["expr"]):
            assert inside.startswith('job=~"$job", instance=~"$instance"'), target["expr"]
        if "_seconds" in target["expr"]:
            assert unit == "s"
        elif "rate(" in target["expr"]:
            assert unit in {"reqps", "ops", "percentunit"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_every_legend_names_labels_that_its_expression_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            kept = {each.strip() for inside in GROUPING.findall(target["expr"]) for each in inside.split(",")} - {
                BUCKET
            }
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) == kept, target


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
