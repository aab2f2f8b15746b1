"""The objects of deploy/kubernetes as the files hold them, before any tool has put them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.support.served import ROOT

FOLDER, CHART = ROOT / "deploy" / "kubernetes", ROOT / "deploy" / "helm" / "authserver"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def read(name: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all((FOLDER / name).read_text()) if each]


OBJECTS = [each for name in KUSTOMIZATION["resources"] for each in read(name)]
SECRETS = {each["metadata"]["name"]: set(each["stringData"]) for each in read("secret.example.yaml")}
SETTINGS = dict(
    line.split("=", 1) for line in (FOLDER / "settings.env").read_text().splitlines() if line and line[0] != "#"
)
# The pods by what they are for.
PODS: dict[str, dict[str, Any]] = {
    each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]["template"]
    for each in OBJECTS
    if each["kind"] in ("Deployment", "Job")
}


def kind(name: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] == name]


def container(component: str) -> dict[str, Any]:
    (only,) = PODS[component]["spec"]["containers"]
    return dict(only)


def selected(selector: Mapping[str, Any]) -> set[str]:
    """The components whose pods a selector means (labels, and In of matchExpressions)."""
    return set(_selected(selector))


def _selected(selector: Mapping[str, Any]) -> Iterator[str]:
    for component, pod in PODS.items():
        labels = pod["metadata"]["labels"]
        wanted = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
        among = all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", ()))
        if wanted and among:
            yield component
