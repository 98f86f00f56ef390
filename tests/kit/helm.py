"""The chart as helm renders it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CHART = ROOT / "charts" / "notification-platform"
STACK = "test"
"""The name of the release, which is that of the recorded stack."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def helm(*arguments: str, text: str = "", kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(ensure(["helm"]).program("helm")), *arguments]
    if kubeconfig:
        command += ["--kubeconfig", str(kubeconfig)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def template(values: Mapping[str, Any], *, served: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Render the chart with values for a cluster that serves these kinds in addition, such as `monitoring.coreos.com/v1/PodMonitor`."""
    kinds = [argument for each in served for argument in ("--api-versions", each)]
    return helm("template", STACK, str(CHART), "--values", "-", *kinds, text=json.dumps(values))


def objects(values: Mapping[str, Any], *, served: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the objects of the chart, without hooks and without the marks of helm."""
    done = template(values, served=served)
    assert done.returncode == 0, done.stderr
    documents = [each for each in yaml.load_all(done.stdout, LOADER) if each]
    return [without_marks(each) for each in documents if not _of_hook(each)]


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    return document["metadata"].get("annotations") or {}


def _of_hook(document: Mapping[str, Any]) -> bool:
    return any(key.startswith("helm.sh/hook") for key in _annotations(document))


def without_marks(document: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in _annotations(document).items() if not key.startswith("helm.sh/")}
    metadata = {key: value for key, value in document["metadata"].items() if key != "annotations"}
    return {**document, "metadata": metadata | ({"annotations": kept} if kept else {})}
