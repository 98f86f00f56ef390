"""Clusters that cannot be had: what is said, how soon, and that nothing has been made."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pulumi
import pytest
import yaml
from pulumi.runtime import mocks

from platform_infra import Bundle
from platform_infra.cluster import ClusterError, prepare
from platform_infra.settings.cluster import Cluster, ClusterKind
from platform_infra.settings.reader import parse
from tests.unit.infra.recording import Monitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def other_server() -> Iterator[str]:
    """A server that is no API server: it does not even speak TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def kubeconfig(tmp_path: Path, server: str) -> str:
    """Write a kubeconfig with the context `there`."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def existing(path: str, context: str = "there") -> Cluster:
    """Settings of a cluster that exists."""
    return Cluster(kind=ClusterKind.EXISTING, kubeconfig=path, context=context)


def test_a_server_that_never_answers_is_named_within_ten_seconds(tmp_path: Path, silent_server: str) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError) as caught:
        prepare(existing(kubeconfig(tmp_path, silent_server)))
    assert time.monotonic() - began < 10
    assert silent_server in str(caught.value)
    assert "'there'" in str(caught.value)


def test_a_server_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"https://127\.0\.0\.1:1 \(context 'there'\) does not answer"):
        prepare(existing(kubeconfig(tmp_path, "https://127.0.0.1:1")))
    assert time.monotonic() - began < 10


def test_something_else_that_listens_there_is_not_taken_for_a_cluster(
    tmp_path: Path, other_server: str
) -> None:
    with pytest.raises(ClusterError, match=f"{other_server}.*does not answer"):
        prepare(existing(kubeconfig(tmp_path, other_server)))


def test_a_context_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(
        ClusterError, match=r"'elsewhere' is not in the kubeconfig; choose one of \['there'\]"
    ):
        prepare(existing(kubeconfig(tmp_path, "https://127.0.0.1:1"), "elsewhere"))


def test_a_kubeconfig_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ClusterError, match="/nowhere/kubeconfig cannot be read"):
        prepare(existing("/nowhere/kubeconfig"))


def test_a_file_that_is_no_kubeconfig_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("- a list\n")
    with pytest.raises(ClusterError, match="is no kubeconfig"):
        prepare(existing(str(tmp_path / "notes")))


@pytest.mark.parametrize("kind", [ClusterKind.KIND, ClusterKind.K3S])
def test_kinds_that_are_not_made_here_come_with_the_command_that_makes_them(kind: ClusterKind) -> None:
    with pytest.raises(ClusterError, match=f"`{kind}` clusters.*set clusterKind to `existing`"):
        prepare(Cluster(kind=kind))


def test_a_cluster_that_cannot_be_had_leaves_no_resource(tmp_path: Path) -> None:
    monitor = Monitor()
    mocks.set_mocks(monitor.mocks, project="notification-platform", stack="test", monitor=monitor)
    path = kubeconfig(tmp_path, "https://127.0.0.1:1")
    settings = parse(
        {
            "clusterKind": "existing",
            "clusterKubeconfig": path,
            "clusterContext": "there",
            "operatorImage": "i",
        }
    )

    @pulumi.runtime.test
    def program() -> None:
        with pytest.raises(ClusterError):
            Bundle("platform", settings=settings)

    program()
    assert monitor.registered == []
