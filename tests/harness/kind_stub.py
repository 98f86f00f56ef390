"""A stub of the command `kind`, which this project's tests use where neither `kind` nor its images can be had.

Its contract is the part of the command that the platform uses, as https://kind.sigs.k8s.io/docs/user/quick-start and the help of the
commands describe it:

- `create cluster [--name N] [--image I] [--config FILE] [--wait DURATION]` creates a cluster, or fails if nodes of that name exist; `-`
  stands for standard input. It adds the context `kind-N` to the file of $KUBECONFIG. After a failure it deletes the nodes.
- `get clusters` prints the names, one a line, and nothing to standard output if there are none.
- `get kubeconfig [--name N]` prints the kubeconfig; it fails if there is no such cluster, or if it does not run.
- `load docker-image IMAGE [--name N]` loads an image of Docker into every node that lacks it.
- `delete cluster [--name N]` deletes a cluster; a missing one is no error.

The container of the first node is N-control-plane, with the label io.x-k8s.kind.cluster. With KIND_STUB_NODES=true a cluster is a node of
this repository's own image, in a container; without it, a cluster is only a kubeconfig in the folder of KIND_STUB_FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from platform_infra.cluster.local.node import Launch

# The packages of the platform are imported by the functions that start a node: their import takes longer than a call without one.
ROOT = Path(__file__).resolve().parents[2]
CLUSTER_LABEL = "io.x-k8s.kind.cluster"
FOLDER, NODES = "KIND_STUB_FOLDER", "KIND_STUB_NODES"
CALLS = "calls.log"


def install(folder: Path, *, nodes: bool = False) -> dict[str, str]:
    """Write the program `kind` into a folder, and return the variables with which it is found and knows its clusters."""
    program = folder / "bin" / "kind"
    program.parent.mkdir(parents=True)
    places = os.pathsep.join(str(ROOT / part) for part in ("", "infra", "operator"))
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{places}" exec "{sys.executable}" "{__file__}" "$@"\n', "utf-8"
    )
    program.chmod(0o755)
    path = os.pathsep.join((str(program.parent), os.environ["PATH"]))
    return {"PATH": path, FOLDER: str(folder), NODES: str(nodes).lower()}


def calls(folder: Path) -> list[str]:
    """Return the calls of the stub, without their options' values."""
    log = folder / CALLS
    return log.read_text("utf-8").splitlines() if log.exists() else []


class Clusters:
    """The clusters of the stub: a folder with a kubeconfig for each, and a container for each if there are nodes."""

    def __init__(self, folder: Path, *, nodes: bool) -> None:
        self._folder = folder / "clusters"
        self._folder.mkdir(exist_ok=True)
        self._nodes = nodes

    def names(self) -> list[str]:
        return sorted(each.name for each in self._folder.iterdir())

    def create(self, name: str, image: str, config: str) -> None:
        if name in self.names():
            sys.exit(
                f'ERROR: failed to create cluster: node(s) already exist for a cluster with the name "{name}"'
            )
        if image == "broken":
            sys.exit("ERROR: failed to create cluster: failed to pull image")
        text = self._node(name) if self._nodes else _kubeconfig(name, "https://127.0.0.1:1", uuid4().hex)
        (self._folder / name).mkdir()
        (self._folder / name / "kubeconfig").write_text(text, "utf-8")
        (self._folder / name / "config").write_text(config, "utf-8")
        Path(os.environ["KUBECONFIG"]).write_text(text, "utf-8")

    def kubeconfig(self, name: str) -> str:
        if name not in self.names():
            sys.exit(f"ERROR: could not locate any control plane nodes for cluster named '{name}'")
        if (self._folder / name / "stopped").exists():
            sys.exit(f"ERROR: failed to get cluster internal kubeconfig: container {name} is not running")
        return (self._folder / name / "kubeconfig").read_text("utf-8")

    def load(self, name: str, image: str) -> None:
        if name not in self.names():
            sys.exit(f'ERROR: no nodes found for cluster "{name}"')
        if self._nodes:
            from platform_infra.cluster.local.images import load_into_container  # noqa: PLC0415

            load_into_container(f"{name}-control-plane", image)

    def delete(self, name: str) -> None:
        if self._nodes:
            from platform_infra.cluster.local import node  # noqa: PLC0415

            node.delete(_stack(name))
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _node(self, name: str) -> str:
        """Start a node of this repository's image, and return its kubeconfig with the names that `kind` chooses."""
        import yaml  # noqa: PLC0415

        from platform_infra.cluster.local import node  # noqa: PLC0415
        from platform_infra.cluster.local.spec import NodeSpec  # noqa: PLC0415
        from platform_infra.docker_client import connected  # noqa: PLC0415

        info = node.create(NodeSpec(stack=_stack(name), image=node.current_image()), launch=_labelled(name))
        with connected() as client:
            client.containers.get(info.name).rename(f"{name}-control-plane")
        return _renamed(name, yaml.safe_load(info.kubeconfig))


def _stack(name: str) -> str:
    return f"kind-{name}"


def _labelled(name: str) -> Launch:
    from platform_infra.cluster.local import node  # noqa: PLC0415

    def launch(client: DockerClient, image: str, arguments: dict[str, Any]) -> Container:
        labels = {**arguments["labels"], CLUSTER_LABEL: name}
        return node.docker_run(client, image, {**arguments, "labels": labels})

    return launch


def _kubeconfig(name: str, server: str, authority: str) -> str:
    cluster = {"server": server, "certificate-authority-data": authority}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "own", "cluster": cluster}],
        "users": [{"name": "own", "user": {"token": "t"}}],
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
    }
    return _renamed(name, document)


def _renamed(name: str, document: dict[str, Any]) -> str:
    """Return a kubeconfig whose only cluster, user and context are called `kind-NAME`."""
    own = f"kind-{name}"
    for kind in ("clusters", "users", "contexts"):
        (entry,) = document[kind]
        entry["name"] = own
    document["contexts"][0]["context"] = {"cluster": own, "user": own}
    document["current-context"] = own
    return json.dumps(document)


def main() -> None:
    folder = Path(os.environ[FOLDER])
    with (folder / CALLS).open("a") as log:
        log.write(" ".join(sys.argv[1:]) + "\n")
    clusters = Clusters(folder, nodes=os.environ[NODES] == "true")
    parser = argparse.ArgumentParser(prog="kind", allow_abbrev=False)
    parser.add_argument("--name", default="kind")
    match sys.argv[1:3]:
        case ["create", "cluster"]:
            for option in ("--image", "--config", "--wait"):
                parser.add_argument(option, default="")
            options = parser.parse_args(sys.argv[3:])
            config = sys.stdin.read() if options.config == "-" else options.config
            clusters.create(options.name, options.image, config)
        case ["get", "clusters"]:
            sys.stdout.writelines(f"{name}\n" for name in clusters.names())
        case ["get", "kubeconfig"]:
            sys.stdout.write(clusters.kubeconfig(parser.parse_args(sys.argv[3:]).name))
        case ["load", "docker-image"]:
            parser.add_argument("image")
            options = parser.parse_args(sys.argv[3:])
            clusters.load(options.name, options.image)
        case ["delete", "cluster"]:
            clusters.delete(parser.parse_args(sys.argv[3:]).name)
        case _:
            parser.error(f"the stub does not know {sys.argv[1:3]}")


if __name__ == "__main__":
    main()
