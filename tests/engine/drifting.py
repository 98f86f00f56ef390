"""A program whose resources change without Pulumi, if TRIAL_DRIFT is set. TRIAL_SIZE is the size that it asks for. Replaces infra/__main__.py in a copy."""

from __future__ import annotations

import os
from typing import Any

import pulumi
from pulumi import dynamic


class Provider(dynamic.ResourceProvider):
    """Reads `scaled` with another size, and does not find `deleted`, if TRIAL_DRIFT is set."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(f"default/{props['name']}", props)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        if "TRIAL_DRIFT" in os.environ and id_ == "default/deleted":
            return dynamic.ReadResult(None, {})
        if "TRIAL_DRIFT" in os.environ and id_ == "default/scaled":
            return dynamic.ReadResult(id_, {**props, "size": 1})
        return dynamic.ReadResult(id_, props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        return dynamic.DiffResult(changes=olds.get("size") != news.get("size"))


class Thing(dynamic.Resource, module="trial", name="Thing"):
    """A resource with a size and a secret."""


for name in ("deleted", "same", "scaled"):
    Thing(
        Provider(),
        name,
        {"name": name, "size": int(os.environ.get("TRIAL_SIZE", "3")), "token": pulumi.Output.secret(name)},
    )

pulumi.export("kubeconfig", "apiVersion: v1")
