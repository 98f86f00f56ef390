"""A kubeconfig cut to one context, without references to files: the credentials of one cluster and nothing else.

It does what `kubectl config view --minify --flatten --raw` does, and needs no kubectl.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from platform_infra.cluster.connection import ClusterError

Entry = dict[str, Any]

EMBEDDED_FILES = (
    ("cluster", "certificate-authority"),
    ("user", "client-certificate"),
    ("user", "client-key"),
)
"""Fields that name a file; its content belongs into the field of the same name with the suffix `-data`."""
TOKEN_FILE = "tokenFile"  # noqa: S105 - the name of a field
NOT_A_KUBECONFIG = "clusterKubeconfig: the file is not a kubeconfig (it has no contexts); create one with `kubectl config view --raw`"


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleContext:
    """One context of a kubeconfig, with its cluster and its user; references to files are replaced by their content."""

    context: str
    server: str
    document: Entry

    def text(self) -> str:
        """Return the kubeconfig as YAML."""
        text: str = yaml.safe_dump(self.document, sort_keys=False)
        return text


def single_context(text: str, context: str, folder: Path) -> SingleContext:
    """Return one context of a kubeconfig; relative paths in it are relative to `folder`.

    An exec plugin stays: it requests credentials when they are used.

    Raises:
        ClusterError: the text is not a kubeconfig, the context is missing or incomplete, or a file cannot be read.
    """
    source = _parse(text)
    contexts = _named(source, "context")
    if context not in contexts:
        raise ClusterError(
            f"clusterContext: the kubeconfig has no context {context!r}; choose one of {sorted(contexts)}"
        )
    cluster_name, user_name = (str(contexts[context].get(kind) or "") for kind in ("cluster", "user"))
    cluster = _named(source, "cluster").get(cluster_name, {})
    if not cluster.get("server"):
        raise ClusterError(f"clusterContext: the context {context!r} of the kubeconfig names no server")
    files = _Files(context=context, folder=folder)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster_name, "cluster": files.embedded("cluster", cluster)}],
        "users": [],
        "contexts": [{"name": context, "context": contexts[context]}],
        "current-context": context,
    }
    user = _named(source, "user").get(user_name)
    if user is not None:
        document["users"] = [{"name": user_name, "user": files.embedded("user", user)}]
    return SingleContext(context=context, server=str(cluster["server"]), document=document)


def _parse(text: str) -> Entry:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict) or not document.get("contexts"):
        raise ClusterError(NOT_A_KUBECONFIG)
    return document


def _named(document: Entry, kind: str) -> dict[str, Entry]:
    """Return the entries of a list such as `clusters` by name."""
    entries = document.get(f"{kind}s") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ClusterError(NOT_A_KUBECONFIG)
    return {str(entry.get("name")): entry.get(kind) or {} for entry in entries}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files that a kubeconfig refers to."""

    context: str
    folder: Path

    def embedded(self, kind: str, entry: Entry) -> Entry:
        """Return a cluster or a user with the content of its files in place of their paths."""
        result = dict(entry)
        for owner, field in EMBEDDED_FILES:
            # Content takes precedence over a path, as in client-go.
            path = result.pop(field, None) if owner == kind else None
            if path and not result.get(f"{field}-data"):
                result[f"{field}-data"] = base64.b64encode(self._read(field, path)).decode()
        # A token file takes precedence over a token, as in client-go.
        if kind == "user" and (path := result.pop(TOKEN_FILE, None)):
            result["token"] = self._read(TOKEN_FILE, path).decode(errors="replace").strip()
        if isinstance(plugin := result.get("exec"), dict):
            result["exec"] = self._with_absolute_command(plugin)
        return result

    def _with_absolute_command(self, plugin: Entry) -> Entry:
        """Return an exec plugin that does not depend on the folder; a name without a slash is searched on PATH."""
        command = str(plugin.get("command") or "")
        return plugin | {"command": str(self._path(command))} if os.sep in command else plugin

    def _path(self, path: str) -> Path:
        return Path(os.path.abspath(self.folder / Path(path).expanduser()))  # noqa: PTH100 - keeps symbolic links

    def _read(self, field: str, path: str) -> bytes:
        file = self._path(str(path))
        try:
            return file.read_bytes()
        except OSError as error:
            raise ClusterError(
                f"clusterContext: the context {self.context!r} of the kubeconfig refers to the file {file} ({field}), which "
                f"cannot be read ({error.strerror}); restore the file, or embed its content with "
                "`kubectl config view --minify --flatten --raw`"
            ) from None
