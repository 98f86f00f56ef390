"""A kubeconfig cut to one context: nothing of the other contexts is left, and no reference to a file."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.cluster import ClusterError, existing
from platform_infra.cluster.kubeconfig import single_context
from platform_infra.settings.sections.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("one", "two", "three")


def document() -> dict[str, Any]:
    """Return a kubeconfig with three contexts, each with its own cluster and user."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {"colors": True},
        "clusters": [
            {"name": f"cluster-{n}", "cluster": {"server": f"https://server-{n}.example"}} for n in NAMES
        ],
        "users": [{"name": f"user-{n}", "user": {"token": f"token-{n}"}} for n in NAMES],
        "contexts": [
            {"name": n, "context": {"cluster": f"cluster-{n}", "user": f"user-{n}", "namespace": "shop"}}
            for n in NAMES
        ],
        "current-context": "three",
    }


def cut(content: dict[str, Any], folder: Path, context: str = "two") -> dict[str, Any]:
    result: dict[str, Any] = yaml.safe_load(single_context(yaml.safe_dump(content), context, folder).text())
    return result


def test_other_contexts_leave_neither_server_nor_token(tmp_path: Path) -> None:
    text = single_context(yaml.safe_dump(document()), "two", tmp_path).text()
    assert "https://server-two.example" in text
    assert "token-two" in text
    for name in ("one", "three"):
        assert name not in text
    assert yaml.safe_load(text)["current-context"] == "two"


def test_connection_holds_only_its_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(existing, "_check", lambda _single: None)
    (tmp_path / "config").write_text(yaml.safe_dump(document()))
    for kubeconfig in (str(tmp_path / "config"), yaml.safe_dump(document())):
        connection = existing.connect(Cluster(kubeconfig=kubeconfig, context="two"))
        assert connection.context == "two"
        assert "token-two" in str(connection.kubeconfig)
        for name in ("server-one", "token-one", "server-three", "token-three"):
            assert name not in str(connection.kubeconfig)


def test_namespace_of_the_context_is_kept(tmp_path: Path) -> None:
    (entry,) = cut(document(), tmp_path)["contexts"]
    assert entry == {
        "name": "two",
        "context": {"cluster": "cluster-two", "user": "user-two", "namespace": "shop"},
    }


def test_files_are_replaced_by_their_content(tmp_path: Path) -> None:
    content = document()
    content["clusters"][1]["cluster"]["certificate-authority"] = "pki/ca.crt"
    content["users"][1]["user"] = {
        "client-certificate": str(tmp_path / "pki" / "me.crt"),
        "client-key": "pki/me.key",
        "tokenFile": "token",
    }
    (tmp_path / "pki").mkdir()
    for name in ("pki/ca.crt", "pki/me.crt", "pki/me.key", "token"):
        (tmp_path / name).write_text(f"content of {name}\n")
    result = cut(content, tmp_path)
    expected = {
        name: base64.b64encode(f"content of pki/{file}\n".encode()).decode()
        for name, file in (("ca", "ca.crt"), ("cert", "me.crt"), ("key", "me.key"))
    }
    assert result["clusters"][0]["cluster"] == {
        "server": "https://server-two.example",
        "certificate-authority-data": expected["ca"],
    }
    assert result["users"][0]["user"] == {
        "client-certificate-data": expected["cert"],
        "client-key-data": expected["key"],
        "token": "content of token",
    }


def test_embedded_content_takes_precedence_over_a_file(tmp_path: Path) -> None:
    content = document()
    content["clusters"][1]["cluster"] |= {
        "certificate-authority": "/nowhere",
        "certificate-authority-data": "Q0E=",
    }
    (entry,) = cut(content, tmp_path)["clusters"]
    assert entry["cluster"] == {
        "server": "https://server-two.example",
        "certificate-authority-data": "Q0E=",
    }


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("cluster", "certificate-authority"),
        ("user", "client-certificate"),
        ("user", "client-key"),
        ("user", "tokenFile"),
    ],
)
def test_unreadable_file_is_named_with_its_context(tmp_path: Path, kind: str, field: str) -> None:
    content = document()
    content[f"{kind}s"][1][kind][field] = "pki/missing"
    with pytest.raises(ClusterError) as caught:
        cut(content, tmp_path)
    for part in ("'two'", str(tmp_path / "pki" / "missing"), field, "No such file"):
        assert part in str(caught.value)


def test_unreadable_file_of_another_context_is_ignored(tmp_path: Path) -> None:
    content = document()
    content["users"][0]["user"]["client-key"] = "missing"
    assert cut(content, tmp_path)["users"] == [{"name": "user-two", "user": {"token": "token-two"}}]


@pytest.mark.parametrize(
    ("command", "absolute"), [("aws", "aws"), ("./bin/login", "bin/login"), ("/opt/login", "/opt/login")]
)
def test_exec_plugin_stays_and_runs_from_every_folder(tmp_path: Path, command: str, absolute: str) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command,
        "args": ["get-token"],
        "interactiveMode": "Never",
    }
    content = document()
    content["users"][1]["user"] = {"exec": copy.deepcopy(plugin)}
    (entry,) = cut(content, tmp_path)["users"]
    expected = absolute if absolute == "aws" else str(tmp_path / absolute)
    assert entry["user"] == {"exec": plugin | {"command": expected}}


@pytest.mark.parametrize("broken", [{"clusters": []}, {"clusters": None}, {"clusters": ["text"]}])
def test_incomplete_kubeconfig_is_rejected(tmp_path: Path, broken: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match=r"names no server|is not a kubeconfig"):
        cut(document() | broken, tmp_path)
