"""Unavailable clusters: the error, how soon it is raised, and that no resource is registered."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from platform_infra import Bundle
from platform_infra.cluster import ClusterError, prepare
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.reader import parse
from platform_infra.settings.sections.cluster import Cluster
from tests.kit.kubeconfig import kubeconfig
from tests.kit.recording import record_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def other_server() -> Iterator[str]:
    """A server of another protocol, without TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def written(tmp_path: Path, server: str) -> str:
    """Write a kubeconfig with the context `there` and return its path."""
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig({"server": server}, {"token": "t"}))
    return str(file)


def existing(path: str, context: str = "there") -> Cluster:
    """Return the settings of an existing cluster."""
    return Cluster(kind=ClusterKind.EXISTING, kubeconfig=path, context=context)


@pytest.mark.slow
def test_silent_server_is_reported_within_ten_seconds(tmp_path: Path, silent_server: str) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError) as caught:
        prepare(existing(written(tmp_path, silent_server)))
    assert time.monotonic() - began < 10
    assert silent_server in str(caught.value)
    assert "'there'" in str(caught.value)


def test_refused_connection_is_reported_with_the_server(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"https://127\.0\.0\.1:1 \(context 'there'\) does not answer"):
        prepare(existing(written(tmp_path, "https://127.0.0.1:1")))
    assert time.monotonic() - began < 10


def test_server_without_tls_is_reported_as_not_answering(tmp_path: Path, other_server: str) -> None:
    with pytest.raises(ClusterError, match=f"{other_server}.*does not answer"):
        prepare(existing(written(tmp_path, other_server)))


def test_unknown_context_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"has no context 'elsewhere'; choose one of \['there'\]"):
        prepare(existing(written(tmp_path, "https://127.0.0.1:1"), "elsewhere"))


def test_unreadable_kubeconfig_is_reported_with_its_path() -> None:
    with pytest.raises(ClusterError, match="cannot read /nowhere/kubeconfig"):
        prepare(existing("/nowhere/kubeconfig"))


def test_file_without_contexts_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("- a list\n")
    with pytest.raises(ClusterError, match="is not a kubeconfig"):
        prepare(existing(str(tmp_path / "notes")))


def test_unavailable_cluster_registers_no_resource(tmp_path: Path) -> None:
    path = written(tmp_path, "https://127.0.0.1:1")
    settings = parse(
        {
            "clusterKind": "existing",
            "clusterKubeconfig": path,
            "clusterContext": "there",
            "operatorImage": "i",
        }
    )

    def program() -> None:
        with pytest.raises(ClusterError):
            Bundle("platform", settings=settings)

    assert record_program(program).registered == []
