"""deploy/kubernetes and deploy/helm say what the code does; tests/interop has their own tools read them."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from authserver import ops
from authserver.cli import VERBS
from authserver.cli.processes import DRAIN_SECONDS, IN_FLIGHT_SECONDS
from authserver.config import Settings, load
from authserver.config.settings import FIELDS, SECRETS
from authserver.observability import metrics
from tests.deploy import manifests
from tests.deploy.manifests import KUSTOMIZATION, OBJECTS, PODS, SETTINGS, VALUES, container, kind, selected
from tests.support.served import ROOT

FILES = [path for folder in (manifests.FOLDER, manifests.CHART) for path in folder.rglob("*") if path.is_file()]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
everywhere = pytest.mark.parametrize("component", PODS)


def test_there_are_a_server_a_worker_and_a_migration() -> None:
    assert set(PODS) == {"server", "worker", "migrate"}
    named = {each["kind"] for each in OBJECTS}
    assert named == {"ServiceAccount", "Deployment", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy"}


def test_every_file_is_put_together_but_the_example() -> None:
    there = {path.name for path in manifests.FOLDER.glob("*.yaml")}
    assert there - set(KUSTOMIZATION["resources"]) == {"kustomization.yaml", "secret.example.yaml"}


@everywhere
def test_a_pod_has_no_rights_and_writes_nowhere_but_into_empty_folders(component: str) -> None:
    pod, only = PODS[component]["spec"], container(component)
    user = int(re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)[0])
    wanted = {"runAsNonRoot": True, "runAsUser": user, "seccompProfile": {"type": "RuntimeDefault"}}
    assert wanted.items() <= pod["securityContext"].items()
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes = {each["name"]: each for each in pod["volumes"]}
    for mount in only["volumeMounts"]:
        assert mount.get("readOnly") or volumes[mount["name"]]["emptyDir"]["sizeLimit"], mount
    assert {mount["name"] for mount in only["volumeMounts"]} == set(volumes)
    written = {mount["mountPath"] for mount in only["volumeMounts"] if not mount.get("readOnly")}
    assert written == {"/tmp", SETTINGS["AUTHSERVER_DATA_DIR"]}


@everywhere
def test_a_pod_gets_no_token_and_no_variables_of_services(component: str) -> None:
    pod = PODS[component]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    (account,) = kind("ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == account["metadata"]["name"]


@everywhere
def test_a_pod_asks_for_what_it_needs_and_is_held_to_its_memory(component: str) -> None:
    resources = container(component)["resources"]
    assert {"cpu", "memory", "ephemeral-storage"} == set(resources["requests"])
    assert {"memory", "ephemeral-storage"} == set(resources["limits"])
    assert VALUES[component]["resources"] == resources


@everywhere
def test_a_pod_runs_a_verb_by_the_name_of_the_program(component: str) -> None:
    """The image has no entry point, so that `args` alone would be a program of their own."""
    assert "ENTRYPOINT" not in DOCKERFILE
    program, verb = container(component)["command"]
    assert program == "authserver"
    assert verb in VERBS
    assert "args" not in container(component)


def test_a_pod_that_is_stopped_gets_the_time_of_the_drain() -> None:
    assert PODS["server"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_SECONDS + IN_FLIGHT_SECONDS
    assert PODS["worker"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_SECONDS + IN_FLIGHT_SECONDS


def test_probes_ask_what_answers_where_it_listens() -> None:
    server = container("server")
    ports = {each["name"]: each["containerPort"] for each in server["ports"]}
    assert ports["http"] == Settings().port
    asked = {name: server[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz",
    }  # fmt: skip
    assert {probe["port"] for probe in asked.values()} == {"http"}
    assert {"/healthz", "/readyz"} <= ops.ENDPOINTS.keys()


def test_figures_are_where_the_settings_put_them() -> None:
    bind = SETTINGS["AUTHSERVER_METRICS_BIND"]
    for component, address in (("server", bind), ("worker", metrics.next_to(bind))):
        (port,) = (each["containerPort"] for each in container(component)["ports"] if each["name"] == "metrics")
        assert address == f"0.0.0.0:{port}"
    assert container("worker")["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


# ---- settings and secrets


def test_the_chart_has_the_same_settings() -> None:
    assert VALUES["settings"] == SETTINGS


def named_settings() -> set[str]:
    """Also those that stand in a comment, for somebody to take it away."""
    return {name for file in FILES for name in re.findall(r"\bAUTHSERVER_([A-Z_]+[A-Z])\b", file.read_text())}


@pytest.mark.parametrize("name", sorted(named_settings()))
def test_every_setting_exists_and_a_secret_comes_as_a_file(name: str) -> None:
    setting = name.lower()
    assert setting in FIELDS or setting.removesuffix("_file") in SECRETS, name
    assert setting not in SECRETS, f"{name} would stand in a ConfigMap"


def test_all_settings_go_together(tmp_path: Path) -> None:
    secrets = {"secret_key": "x" * 64, "kek": "y" * 64, "database_url": "postgresql:///authserver?host=/run/postgresql"}
    for name, text in secrets.items():
        (tmp_path / name).write_text(text)
    environ = {name: value.replace("/run/secrets/authserver", str(tmp_path)) for name, value in SETTINGS.items()}
    settings = load(environ)
    assert settings.https and not settings.sqlite and settings.kek and settings.trusted_proxies


def test_a_database_of_the_example_is_reached_with_verified_tls() -> None:
    for each in manifests.read("secret.example.yaml"):
        for name, value in each["stringData"].items():
            assert not name.endswith("_url") or "sslmode=verify-full" in value
            assert "…" in value or "$PASSWORD" in value


@everywhere
def test_every_file_of_a_secret_is_mounted_and_in_the_example(component: str) -> None:
    volumes = {each["name"]: each for each in PODS[component]["spec"]["volumes"]}
    there = {
        f"{mount['mountPath']}/{key}"
        for mount in container(component)["volumeMounts"]
        if "secret" in volumes[mount["name"]]
        for key in manifests.SECRETS[volumes[mount["name"]]["secret"]["secretName"]]
    }
    own = {each["name"]: each["value"] for each in container(component).get("env", ())}
    assert {value for name, value in {**SETTINGS, **own}.items() if name.endswith("_FILE")} == there
    assert {each["secret"]["defaultMode"] & 0o007 for each in volumes.values() if "secret" in each} == {0}


def test_the_owner_of_the_schema_is_known_to_the_migration_alone() -> None:
    knows = [component for component in PODS if "authserver-owner" in yaml.safe_dump(PODS[component])]
    assert knows == ["migrate"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_secret_stands_in_a_file(file: Path) -> None:
    assert not re.search(r"(PASSWORD|SECRET_KEY|KEK|secret_key|kek)\s*[:=]\s*['\"]?[A-Za-z0-9+/]{8,}", file.read_text())


# ---- who is meant, and who reaches whom


def test_what_selects_pods_selects_those_that_it_means() -> None:
    (service,), (budget,) = kind("Service"), kind("PodDisruptionBudget")
    assert selected({"matchLabels": service["spec"]["selector"]}) == {"server"}
    assert selected(budget["spec"]["selector"]) == {"server"}
    for deployment in kind("Deployment"):
        own = deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        assert selected(deployment["spec"]["selector"]) == {own}
    for spread in PODS["server"]["spec"]["topologySpreadConstraints"]:
        assert selected(spread["labelSelector"]) == {"server"}


def test_the_service_leads_to_the_port_of_people_and_not_to_the_figures() -> None:
    (service,) = kind("Service")
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["http"]


def policies(way: str) -> dict[str, list[dict[str, Any]]]:
    """For each component the rules of this way: `Ingress` or `Egress`. Without a policy all would be open."""
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in kind("NetworkPolicy"):
        if way in policy["spec"]["policyTypes"]:
            for component in selected(policy["spec"]["podSelector"]):
                found.setdefault(component, []).extend(policy["spec"].get(way.lower(), []))
    return found


def test_nobody_comes_in_but_by_the_ingress_controller_and_prometheus() -> None:
    named = {
        component: {
            (source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
            for rule in rules
            for source in rule["from"]
            for port in rule["ports"]
        }
        for component, rules in policies("Ingress").items()
    }
    people, figures = VALUES["networkPolicy"]["ingressNamespace"], VALUES["networkPolicy"]["monitoringNamespace"]
    assert named == {
        "server": {(people, "http"), (figures, "metrics")},
        "worker": {(figures, "metrics")},
        "migrate": set(),
    }


def test_nothing_goes_out_but_to_names_backends_mail_and_https_of_the_internet() -> None:
    out = {
        component: {port["port"] for rule in rules for port in rule["ports"]}
        for component, rules in policies("Egress").items()
    }
    assert out == {
        "server": {53, 443, 465, 587, 5432, 6379},
        "worker": {53, 443, 465, 587, 5432, 6379},
        "migrate": {53, 5432},
    }
    (https,) = (rule for rule in policies("Egress")["server"] if {"protocol": "TCP", "port": 443} in rule["ports"])
    closed = [ipaddress.ip_network(each) for block in https["to"] for each in block["ipBlock"]["except"]]
    for inner in ("10.1.2.3", "169.254.169.254", "192.168.0.1", "172.20.0.1", "100.64.0.1", "fd00::1", "fe80::1"):
        assert any(ipaddress.ip_address(inner) in network for network in closed), inner


# ---- versions


def test_both_are_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((manifests.CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version
    assert [each["newTag"] for each in KUSTOMIZATION["images"]] == [version]
    assert {container(component)["image"] for component in PODS} == {KUSTOMIZATION["images"][0]["name"]}
