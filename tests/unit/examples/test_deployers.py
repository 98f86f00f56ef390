"""The examples for Argo CD, Flux and Tilt: short, and the chart accepts what they pass to it.

Stubs stand for the three programs: what each passes to helm is read here, and helm renders the chart with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.helm import CHART, LOADER, helm, objects
from tools.platform.pulumi.environment import ROOT

EXAMPLES = ROOT / "examples"
FILES = ("argo/application.yaml", "flux/release.yaml", "tilt/Tiltfile")


def operator_of(documents: list[dict[str, Any]]) -> dict[str, Any]:
    (deployment,) = [each for each in documents if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("name", FILES)
def test_example_has_fewer_than_40_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text("utf-8").splitlines()) < 40


@pytest.mark.slow
def test_application_of_argo_renders_the_chart() -> None:
    application = yaml.safe_load((EXAMPLES / "argo" / "application.yaml").read_text("utf-8"))
    source = application["spec"]["source"]
    assert ROOT / source["path"] == CHART
    rendered = objects(source["helm"]["valuesObject"])
    assert operator_of(rendered)["image"] == source["helm"]["valuesObject"]["operatorImage"]


@pytest.mark.slow
def test_release_of_flux_renders_the_chart() -> None:
    repository, release = yaml.safe_load_all((EXAMPLES / "flux" / "release.yaml").read_text("utf-8"))
    chart = release["spec"]["chart"]["spec"]
    assert ROOT / chart["chart"] == CHART
    assert chart["sourceRef"] == {"kind": repository["kind"], "name": repository["metadata"]["name"]}
    rendered = objects(release["spec"]["values"])
    assert operator_of(rendered)["image"] == release["spec"]["values"]["operatorImage"]


@pytest.mark.slow
def test_tiltfile_builds_and_installs_the_image() -> None:
    folder, calls = EXAMPLES / "tilt", dict[str, Any]()

    def stub_docker_build(image: str, context: str, *, dockerfile: str, only: list[str]) -> None:
        assert (folder / dockerfile).resolve() == ROOT / "Dockerfile"
        assert all(((folder / context) / each).exists() for each in only)
        calls["image"] = image

    def stub_helm(chart: str, *, name: str, set: list[str]) -> str:  # noqa: A002 - Tilt's name
        assert (folder / chart).resolve() == CHART
        values = [argument for each in set for argument in ("--set", each)]
        done = helm("template", name, str(CHART), *values)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stub_k8s_yaml(text: str) -> None:
        calls["objects"] = [each for each in yaml.load_all(text, LOADER) if each]

    def stub_k8s_resource(workload: str, *, port_forwards: list[str]) -> None:
        calls["resource"] = (workload, port_forwards)

    stubs = {
        "docker_build": stub_docker_build,
        "helm": stub_helm,
        "k8s_yaml": stub_k8s_yaml,
        "k8s_resource": stub_k8s_resource,
    }
    text = Path(folder / "Tiltfile").read_text("utf-8")
    exec(compile(text, "Tiltfile", "exec"), stubs)  # noqa: S102 - Starlark of this kind is Python, too
    container = operator_of(calls["objects"])
    assert container["image"] == calls["image"]
    workload, (ports,) = calls["resource"]
    assert workload == "notification-operator"
    assert int(ports.partition(":")[2]) in {each["containerPort"] for each in container["ports"]}
