"""The recording engine: what the program asks for is written down instead of made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

from platform_infra import Bundle
from platform_infra.settings import parse

NODE_IMAGE = "notification-platform/node:test"
NODE_OUTPUTS = {
    "container": "notification-platform-test",
    "identity": "abc",
    "context": "notification-platform",
    "kubeconfig": "apiVersion: v1\nkind: Config\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One resource that the program asked for; `parent` and `provider` as the engine was told."""

    kind: str
    name: str
    inputs: dict[str, Any]
    provider: str
    parent: str
    custom: bool
    deleted_with: str
    secret_outputs: tuple[str, ...]


class Answers(mocks.Mocks):
    """Gives every resource the outputs that it was asked for, and a node those of a node."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        extra = NODE_OUTPUTS if args.typ.endswith("local:Node") else {}
        return f"{args.name}-id", {**args.inputs, **extra}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(f"the program called {args.token}")


class Monitor(mocks.MockMonitor):
    """Writes down the requests, which tell more than the mocks are shown."""

    def __init__(self) -> None:
        super().__init__(Answers())
        self.registered: list[Registration] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name
        if request.type != "pulumi:pulumi:Stack":
            self.registered.append(
                Registration(
                    kind=request.type.split(":")[-1],
                    name=request.name,
                    inputs=rpc.deserialize_properties(request.object),
                    provider=request.provider,
                    parent=request.parent,
                    custom=request.custom,
                    deleted_with=request.deletedWith,
                    secret_outputs=tuple(request.additionalSecretOutputs),
                )
            )
        return super().RegisterResource(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Everything that a program registered, complete: the engine has been drained."""

    registered: list[Registration] = field(default_factory=list)

    def of(self, kind: str) -> list[Registration]:
        return [entry for entry in self.registered if entry.kind == kind]

    def one(self, kind: str) -> Registration:
        (entry,) = self.of(kind)
        return entry

    def spec(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = self.one(kind).inputs["spec"]
        return found

    @property
    def pod(self) -> dict[str, Any]:
        found: dict[str, Any] = self.spec("Deployment")["template"]["spec"]
        return found

    @property
    def container(self) -> dict[str, Any]:
        (found,) = self.pod["containers"]
        return found


def record_bundle(**values: str) -> Recording:
    """Run the bundle with settings given as a stack would give them, until the engine has nothing left to do."""
    monitor = Monitor()
    mocks.set_mocks(monitor.mocks, project="notification-platform", stack="test", monitor=monitor)
    settings = parse(values)

    @pulumi.runtime.test
    def program() -> pulumi.Output[str]:
        return Bundle("platform", settings=settings).namespace

    program()
    return Recording(registered=list(monitor.registered))
