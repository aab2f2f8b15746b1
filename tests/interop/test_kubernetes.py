"""deploy/kubernetes and deploy/helm as Kustomize and Helm put them together, and as the types of the API read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import CHART, FOLDER
from tests.interop import sites, toolchains

pytestmark = [pytest.mark.interop, pytest.mark.long_interop]
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.2"
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
STRICT = Path(__file__).parent / "go" / "manifests"
KUBERNETES = "1.34"  # what Helm takes for the cluster's; one that is built from source takes 1.20
MANY = """
image: {digest: "sha256:%s", pullPolicy: Always}
imagePullSecrets: [{name: registry}]
secretName: vault
server: {replicas: 5, podAnnotations: {a: b}, nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}]}
worker: {affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}}
networkPolicy: {moreEgress: [{ports: [{protocol: TCP, port: 8443}]}]}
""" % ("0" * 64)
FEW = "{migrate: {enabled: false}, networkPolicy: {enabled: false}, podDisruptionBudget: {enabled: false}}"


def run(*words: str | Path, stdin: str = "", good: bool = True) -> str:
    """What a program says; on stderr, where it has to refuse."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) is good, done.stdout + done.stderr
    return done.stdout if good else done.stderr


def kustomize(folder: Path = FOLDER) -> str:
    return run(sites.go_program(KUSTOMIZE), "build", folder)


def helm(values: str = "", name: str = "authserver", *, good: bool = True) -> str:
    words = ["template", name, CHART, "--kube-version", KUBERNETES, "--values", "-"]
    return run(sites.go_program(HELM), *words, stdin=values or "{}", good=good)


def read(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def plain(text: str) -> dict[tuple[str, str], Any]:
    """Objects without what each tool has of its own, so that pods start anew when settings change.

    Kustomize names the settings by a hash, Helm writes one into the pods; and Helm's Job has the number of its release.
    """
    found = {}
    for each in read(text):
        told = re.sub(r"authserver-settings-[a-z0-9]{10}\b", "authserver-settings", json.dumps(each))
        told = told.replace('"authserver-migrate-1"', '"authserver-migrate"')
        told = re.sub(r', "annotations": \{"checksum/settings": "[0-9a-f]{64}"\}', "", told)
        found[each["kind"], json.loads(told)["metadata"]["name"]] = json.loads(told)
    return found


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toolchains.go_build(STRICT, tmp_path_factory.mktemp("strict"))


def test_both_ways_put_the_same_together() -> None:
    assert plain(helm()) == plain(kustomize())
    assert len(plain(helm())) == 11


def test_the_chart_is_one_that_helm_has_nothing_against() -> None:
    run(sites.go_program(HELM), "lint", "--strict", "--kube-version", KUBERNETES, CHART)


@pytest.mark.parametrize(("values", "number"), [("", 11), (MANY, 11), (FEW, 5)], ids=["as it is", "many", "few"])
def test_the_api_knows_every_field_of_the_chart(strict: Path, values: str, number: int) -> None:
    assert len(run(strict, stdin=helm(values)).splitlines()) == number


def test_the_api_knows_every_field_of_the_plain_files_and_of_the_example(strict: Path) -> None:
    run(strict, stdin=kustomize())
    assert run(strict, stdin=(FOLDER / "secret.example.yaml").read_text()).count("Secret") == 4


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("terminationGracePeriodSeconds", "terminationGracePeriod"), ("runAsNonRoot: true", 'runAsNonRoot: "yes"')],
)
def test_a_field_that_the_api_does_not_know_is_noticed(strict: Path, right: str, wrong: str) -> None:
    assert right in kustomize()
    assert run(strict, stdin=kustomize().replace(right, wrong), good=False)


def test_a_release_of_another_name_stands_beside_the_first() -> None:
    first = {(each["kind"], each["metadata"]["name"]) for each in read(helm())}
    second = {(each["kind"], each["metadata"]["name"]) for each in read(helm(name="login"))}
    assert not first & second
    assert "authserver-" not in re.sub(r"/run/secrets/authserver-owner\b", "", helm(name="login"))


@pytest.mark.parametrize(
    "values",
    [
        "{settings: {BRAND: Acme}}",
        "{settings: {AUTHSERVER_WORKERS: 2}}",
        "{image: {digest: latest}}",
        "{server: {replica: 3}}",
        "{ingress: {enabled: true}}",
    ],
)
def test_values_that_mean_nothing_are_refused(values: str) -> None:
    assert "schema" in helm(values, good=False)


def test_a_setting_that_changes_starts_the_pods_anew(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    before, file = kustomize(tmp_path / "kubernetes"), tmp_path / "kubernetes" / "settings.env"
    file.write_text(file.read_text().replace("AUTHSERVER_WORKERS=2", "AUTHSERVER_WORKERS=3"))
    after = kustomize(tmp_path / "kubernetes")
    for one, other in ((before, after), (helm(), helm('{settings: {AUTHSERVER_WORKERS: "3"}}'))):
        pods = [
            [each["spec"]["template"] for each in read(text) if each["kind"] == "Deployment"] for text in (one, other)
        ]
        assert all(earlier != later for earlier, later in zip(*pods, strict=True))
