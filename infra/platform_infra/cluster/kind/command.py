"""The `kind` command: creates, reads and deletes a cluster, and loads images into its nodes.

https://kind.sigs.k8s.io/docs/user/quick-start describes the command. It never reads or writes the kubeconfig of the user.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass

import yaml

PROGRAM = "kind"
INSTALLATION = "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
CLUSTER_LABEL = "io.x-k8s.kind.cluster"
"""The label of a node's container with the name of its cluster."""
READY_WITHIN = "120s"
_SHOWN_LINES = 15


class KindError(Exception):
    """`kind` failed, or is not installed; the message has the command and a hint, or the end of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """A cluster: its name, the image of its nodes (empty for the default of `kind`), and the content of a configuration file."""

    name: str
    image: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindInfo:
    """A running cluster. `kubeconfig` contains a client key: it is a secret."""

    name: str
    kubeconfig: str

    @property
    def context(self) -> str:
        return f"kind-{self.name}"

    @property
    def container(self) -> str:
        """The container of the first control plane node."""
        return f"{self.name}-control-plane"

    @property
    def identity(self) -> str:
        """A hash of the certificate authority, which each new cluster creates for itself."""
        (entry,) = yaml.safe_load(self.kubeconfig)["clusters"]
        authority = str(entry["cluster"]["certificate-authority-data"])
        return hashlib.sha256(authority.encode()).hexdigest()[:16]


def read(name: str) -> KindInfo | None:
    """Return a cluster; None if there is none of that name.

    Raises:
        KindError: it does not run.
    """
    if name not in _kind("get", "clusters").split():
        return None
    try:
        return KindInfo(name=name, kubeconfig=_kind("get", "kubeconfig", "--name", name))
    except KindError as error:
        raise KindError(
            f"{error}\nthe cluster {name} of kind exists, but does not run: start its containers (`docker start "
            f"{name}-control-plane`), or delete it with `kind delete cluster --name {name}`, then run the same command again"
        ) from None


def create(spec: KindSpec) -> KindInfo:
    """Create a cluster, and wait until its control plane is ready; after a failure, nothing is left of it.

    Raises:
        KindError: a cluster of that name exists, or `kind` failed.
    """
    if spec.name in _kind("get", "clusters").split():
        raise KindError(
            f"a cluster {spec.name} of kind exists already, and this stack has not created it: choose another name with "
            f"clusterKindName, or delete it with `kind delete cluster --name {spec.name}`, for instance after an `up` that was killed"
        )
    image = ("--image", spec.image) if spec.image else ()
    config = ("--config", "-") if spec.config else ()
    try:
        _kind(
            "create",
            "cluster",
            "--name",
            spec.name,
            "--wait",
            READY_WITHIN,
            *image,
            *config,
            text=spec.config,
        )
        return KindInfo(name=spec.name, kubeconfig=_kind("get", "kubeconfig", "--name", spec.name))
    except BaseException:
        _kind("delete", "cluster", "--name", spec.name)
        raise


def delete(name: str, *, identity: str) -> None:
    """Delete a cluster; one of the same name with another identity stays, and a missing one is no error."""
    try:
        present = read(name)
    except KindError:
        present = None  # It does not run, or the next command reports the same error.
    if present is None or present.identity == identity:
        _kind("delete", "cluster", "--name", name)


def load_image(name: str, image: str) -> None:
    """Load an image from this machine's Docker into each node that does not have it."""
    _kind("load", "docker-image", image, "--name", name)


def _kind(*arguments: str, text: str = "") -> str:
    """Run the command with `text` as its input, and return what it printed to standard output."""
    command = (PROGRAM, *arguments)
    with tempfile.TemporaryDirectory(prefix="kind-") as folder:
        # The command writes the context of a new cluster into this file.
        variables = {**os.environ, "KUBECONFIG": os.path.join(folder, "kubeconfig")}  # noqa: PTH118 - a variable
        try:
            result = subprocess.run(  # noqa: S603 - no shell
                command, input=text, env=variables, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise KindError(missing()) from None
    if result.returncode:
        end = "\n".join(result.stderr.strip().splitlines()[-_SHOWN_LINES:])
        raise KindError(f"`{' '.join(command)}` failed:\n{end}")
    return result.stdout


def missing() -> str:
    """Return that the command is not installed, and how to install it."""
    return f"clusterKind: `kind` is not on PATH: install it ({INSTALLATION}), or set clusterKind to `local` or `existing`"
