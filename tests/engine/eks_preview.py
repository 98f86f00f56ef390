"""Previews the program of a folder with mocks in place of the engine and AWS, and prints what it registers and outputs as JSON.

It runs in the environment of that program, which has none of this repository's packages. The plugin of pulumi-eks and an AWS account
cannot be had in a test, so that the mocks answer with outputs of the form that pulumi-eks documents.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks

ARN = "arn:aws:eks:eu-central-1:111122223333:cluster/notifications"
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "kubernetes", "cluster": {"server": "https://control.example"}}],
    "users": [{"name": "aws", "user": {"exec": {"command": "aws"}}}],
    "contexts": [{"name": "aws", "context": {"cluster": "kubernetes", "user": "aws"}}],
    "current-context": "aws",
}


class Control:
    """Stands for the resource that the output `eksCluster` refers to."""

    arn = ARN


class Mocks(mocks.Mocks):
    """Answers for the engine, and records the resources."""

    def __init__(self) -> None:
        self.registered: list[dict[str, Any]] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.registered.append({"type": args.typ, "name": args.name, "inputs": dict(args.inputs)})
        return f"{args.name}-id", {**args.inputs, "kubeconfig": KUBECONFIG}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program called {args.token}")


def main() -> None:
    folder, configuration = Path(sys.argv[1]), json.loads(sys.argv[2])
    answers, outputs = Mocks(), dict[str, Any]()
    mocks.set_mocks(answers, project="notification-clusters", stack="shared", preview=False)
    pulumi.runtime.set_all_config(
        {f"notification-clusters:{key}": value for key, value in configuration.items()}
    )
    pulumi.export = outputs.__setitem__  # type: ignore[assignment]

    def program() -> pulumi.Output[Any]:
        import pulumi_eks  # noqa: PLC0415 - after the mocks

        pulumi_eks.Cluster.eks_cluster = property(lambda _cluster: pulumi.Output.from_input(Control()))
        runpy.run_path(str(folder / "__main__.py"))
        secret = pulumi.Output.from_input(outputs["kubeconfig"]).is_secret()
        return pulumi.Output.all(secret=secret, **outputs).apply(known.update)

    known: dict[str, Any] = {}
    pulumi.runtime.test(program)()
    sys.stdout.write(json.dumps({"resources": answers.registered, "outputs": known}))


if __name__ == "__main__":
    main()
