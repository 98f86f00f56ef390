"""Clusters of kind, by a stub of the command: what is called, what a stack records, and what stays untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.cluster import ClusterError, prepare
from platform_infra.cluster.kind import command
from platform_infra.cluster.kind.command import KindError
from platform_infra.cluster.kind.provider import KindProvider
from platform_infra.cluster.local import images
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.settings.sections.cluster import Cluster
from tests.harness import kind_stub
from tests.unit.infra.fake_docker import fake_docker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.infra.conftest import Record

PROPS = {"cluster": "dev", "image": "", "config": ""}


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stub, which is `kind` on PATH."""
    for name, value in kind_stub.install(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "own"))
    return tmp_path


def created(**props: str) -> dict[str, Any]:
    """Create a cluster, and return its outputs."""
    return dict(KindProvider().create({**PROPS, **props}).outs or {})


def test_cluster_is_created_and_read_without_the_user_s_kubeconfig(stub: Path) -> None:
    outs = created(image="kindest/node:v1.36.1", config="kind: Cluster\n")
    assert (outs["container"], outs["context"]) == ("dev-control-plane", "kind-dev")
    assert kind_stub.calls(stub) == [
        "get clusters",
        "create cluster --name dev --wait 120s --image kindest/node:v1.36.1 --config -",
        "get kubeconfig --name dev",
    ]
    assert (stub / "clusters" / "dev" / "config").read_text() == "kind: Cluster\n"
    assert KindProvider().read("dev", outs).outs == outs
    assert not (stub / "own").exists()


def test_unchanged_cluster_is_not_changed(stub: Path) -> None:
    outs = created()
    assert not KindProvider().diff("dev", outs, PROPS).changes
    assert "create" not in "".join(kind_stub.calls(stub)[3:])


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize("news", [{"image": "other"}, {"config": "kind: Cluster\n"}])
def test_changed_image_or_configuration_creates_the_cluster_again(news: dict[str, str]) -> None:
    outs = created()
    result = KindProvider().diff("dev", outs, PROPS | news)
    assert (result.changes, result.replaces) == (True, [])
    again = KindProvider().update("dev", outs, PROPS | news).outs or {}
    assert again["identity"] != outs["identity"]
    assert again.items() >= news.items()


@pytest.mark.usefixtures("stub")
def test_changed_name_replaces_the_cluster() -> None:
    assert KindProvider().diff("dev", created(), PROPS | {"cluster": "other"}).replaces == ["cluster"]


@pytest.mark.usefixtures("stub")
def test_missing_cluster_is_created_by_the_next_update() -> None:
    outs = created()
    command.delete("dev", identity=outs["identity"])
    assert KindProvider().read("dev", outs).id == ""
    assert KindProvider().diff("dev", outs, PROPS).changes
    assert KindProvider().update("dev", outs, PROPS).outs


@pytest.mark.usefixtures("stub")
def test_existing_cluster_of_the_name_is_refused_and_kept() -> None:
    created()
    with pytest.raises(
        KindError, match=r"exists already, and this stack has not created it.*clusterKindName"
    ):
        created()
    assert command.read("dev")


@pytest.mark.usefixtures("stub")
def test_deletion_leaves_nothing_and_can_be_repeated() -> None:
    outs = created()
    for _ in range(2):
        KindProvider().delete("dev", outs)
        assert command.read("dev") is None


@pytest.mark.usefixtures("stub")
def test_another_cluster_of_the_same_name_is_not_deleted() -> None:
    outs = created()
    command.delete("dev", identity=outs["identity"])
    created()
    KindProvider().delete("dev", outs)
    assert command.read("dev")
    with pytest.raises(KindError, match="exists already"):
        KindProvider().update("dev", outs, PROPS)


def test_stopped_cluster_is_an_error_with_the_command_that_starts_it(stub: Path) -> None:
    outs = created()
    (stub / "clusters" / "dev" / "stopped").touch()
    with pytest.raises(KindError, match=r"does not run: start its containers \(`docker start dev-control"):
        KindProvider().diff("dev", outs, PROPS)
    KindProvider().delete("dev", outs)
    assert command.read("dev") is None


def test_failed_creation_shows_the_output_and_leaves_nothing(stub: Path) -> None:
    with pytest.raises(KindError, match=r"`kind create cluster .*failed:\n.*failed to pull image"):
        created(image="broken")
    assert kind_stub.calls(stub)[-1] == "delete cluster --name dev"


def test_image_is_loaded_by_kind_into_a_node_of_kind(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    created()
    with fake_docker() as daemon:
        monkeypatch.setenv("DOCKER_HOST", daemon.host)
        images.load_image("dev-control-plane", "known:1")
    assert kind_stub.calls(stub)[-1] == "load docker-image known:1 --name dev"


def test_bundle_in_a_cluster_of_kind_loads_its_image(stub: Path, record: Record) -> None:
    recording = record(clusterKind="kind")
    assert kind_stub.calls(stub) == []
    cluster = recording.one("KindCluster")
    assert (cluster.inputs["cluster"], cluster.secret_outputs) == ("test", ("kubeconfig",))
    assert recording.one("OperatorImage").inputs["container"] == "test-control-plane"
    deleted_with = {each.deleted_with for each in recording.registered if each.deleted_with}
    assert recording.parts(deleted_with) == {"kind"}
    assert recording.one("kubernetes").inputs["deleteUnreachable"] in (True, "true")


def test_missing_command_is_reported_before_any_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ClusterError, match=r"`kind` is not on PATH: install it \(https://kind"):
        prepare(Cluster(kind=ClusterKind.KIND))
    with pytest.raises(KindError, match="`kind` is not on PATH"):
        command.read("dev")


@pytest.mark.usefixtures("stub")
def test_unreadable_configuration_file_is_named() -> None:
    with pytest.raises(ClusterError, match="clusterKindConfig: cannot read /nowhere"):
        prepare(Cluster(kind=ClusterKind.KIND, kind_name="dev", kind_config="/nowhere"))


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"clusterKindName": "dev"}, "clusterKindName"),
        ({"clusterKindImage": "i"}, "clusterKindName"),
        ({"clusterKind": "kind", "clusterKindName": "My_Cluster"}, "clusterKindName"),
        ({"clusterKind": "k3s"}, "clusterKind"),
    ],
)
def test_invalid_settings_of_kind_name_the_key(values: dict[str, str], key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    assert key in {problem.key for problem in caught.value.problems}
