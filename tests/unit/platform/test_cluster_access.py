"""How commands reach the cluster of a stack: by its outputs, or by the kubeconfig that its settings name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from rich.console import Console

from tools.localcluster.toolchain import Toolchain
from tools.platform.deployment import update as up
from tools.platform.pulumi import environment
from tools.platform.pulumi.access import cluster_access
from tools.platform.pulumi.stack_file import StackFileError

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi.automation import Stack

CONTENT = {
    "clusters": [{"name": "c", "cluster": {"server": "https://api"}}],
    "users": [{"name": "u", "user": {"token": "t"}}, {"name": "other", "user": {"token": "foreign"}}],
    "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
}


def stack(outputs: dict[str, str], owner: Any = None, **config: str) -> Stack:
    """A stack with these outputs and settings; `owner` has the outputs of the stack that it names."""

    def outputs_of(name: str) -> dict[str, SimpleNamespace]:
        assert name == config["clusterStack"]
        return {key: SimpleNamespace(value=value) for key, value in (owner or {}).items()}

    values = {f"notification-platform:{key}": SimpleNamespace(value=value) for key, value in config.items()}
    fake: Any = SimpleNamespace(
        name="qa",
        outputs=lambda: {key: SimpleNamespace(value=value) for key, value in outputs.items()},
        get_all_config=lambda: values,
        workspace=SimpleNamespace(stack_outputs=outputs_of),
    )
    return cast("Stack", fake)


def test_outputs_name_the_cluster_that_a_stack_created() -> None:
    assert cluster_access(stack({"kubeconfig": "text", "context": "c"})) == ("text", "c")


def test_settings_name_an_existing_cluster(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(yaml.safe_dump(CONTENT))
    settings = {"clusterKubeconfig": str(tmp_path / "config"), "clusterContext": "there"}
    text, context = cluster_access(stack({"context": "there"}, **settings))
    assert context == "there"
    assert "https://api" in text
    assert "foreign" not in text
    with pytest.raises(StackFileError, match="qa: clusterKubeconfig: cannot read /nowhere"):
        cluster_access(stack({}, clusterKubeconfig="/nowhere", clusterContext="there"))


def test_owner_of_the_cluster_gives_access_by_its_outputs() -> None:
    settings = {"clusterKind": "stack", "clusterStack": "acme/clusters/shared"}
    document = {**CONTENT, "current-context": "there"}
    text, context = cluster_access(stack({}, owner={"kubeconfig": document}, **settings))
    assert (yaml.safe_load(text), context) == (document, "there")
    with pytest.raises(
        StackFileError, match="qa: clusterStack: the stack acme/clusters/shared has no output"
    ):
        cluster_access(stack({}, owner={}, **settings))


def test_up_keeps_no_kubeconfig_of_an_existing_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "KUBECONFIGS", tmp_path / "state" / "kubeconfigs")
    toolchain = Toolchain(root=tmp_path)
    monkeypatch.setattr(up, "prepare", lambda _name, **_options: ("qa", None, toolchain))
    monkeypatch.setattr(up, "update", lambda _stack, **_options: ({"context": "there"}, True))
    earlier = environment.write_kubeconfig("qa", "of all clusters")
    console = Console(record=True, width=200)
    up.bring_up("qa", console)
    assert not earlier.exists()
    assert "kubectl --context there get notif -A" in console.export_text()
