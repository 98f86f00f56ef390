"""The recording engine: it records the registrations of a program and creates nothing."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2, source_pb2
from pulumi.runtime.settings import SETTINGS

from platform_infra import Bundle
from platform_infra.crd import definitions
from platform_infra.image.build import image_name
from platform_infra.settings.reader import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from platform_infra.cluster import Connect
    from platform_infra.settings.model import Settings


def without_schemas(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a CRD whose versions accept every object."""
    document = read()
    for version in document["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": {"type": "object"}}
    return document


NODE_IMAGE = "notification-platform/node:test"
IMAGE_NAME = cache(image_name)
NEW_STATE = "new-state"
"""The id of a state that has none yet."""
WITH_SCHEMAS = {name: getattr(definitions, name) for name in ("DEFINITIONS", "GATEWAY_DEFINITIONS")}
WITHOUT_SCHEMAS = {
    name: {plural: partial(without_schemas, read) for plural, read in declared.items()}
    for name, declared in WITH_SCHEMAS.items()
}
"""CRDs whose versions accept every object."""
NODE_OUTPUTS = {
    "container": "notification-platform-test",
    "identity": "abc",
    "context": "notification-platform",
    "kubeconfig": "apiVersion: v1\nkind: Config\n",
}
KIND_OUTPUTS = {
    "container": "test-control-plane",
    "identity": "abc",
    "context": "kind-test",
    "kubeconfig": "apiVersion: v1\nkind: Config\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One resource that the program registered, with the engine's URN of it."""

    urn: str
    kind: str
    type: str
    name: str
    part: str
    """The name within its component: `name` without that of the parent."""
    inputs: dict[str, Any]
    provider: str
    parent: str
    custom: bool
    deleted_with: str
    secret_outputs: tuple[str, ...]
    protected: bool
    retained: bool
    dependencies: tuple[str, ...]
    create_timeout: str
    """How long the engine waits for a creation; empty for the provider's default."""
    create_hooks: tuple[str, ...]
    """Names of the hooks that run before a creation."""
    ignored: tuple[str, ...]
    """Paths of the properties whose changes are ignored."""
    update_hooks: tuple[str, ...]
    """Names of the hooks that run before an update."""


class EngineMocks(mocks.Mocks):
    """Serves what a program may read: `owner` as the outputs of the stack that owns the cluster."""

    def __init__(self, owner: dict[str, Any]) -> None:
        self._owner = owner

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ != "pulumi:pulumi:StackReference":
            raise AssertionError(f"the program read a resource of type {args.typ}")
        return args.resource_id, {
            "name": args.resource_id,
            "outputs": self._owner,
            "secretOutputNames": ["kubeconfig"],
        }

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(f"the program called {args.token}")


class Monitor(mocks.MockMonitor):
    """Records the registration requests, which contain more than mocks get, and returns the inputs of a resource as its outputs.

    `kept` are values that the state keeps from an earlier update, by the name of their resource.
    """

    def __init__(self, owner: dict[str, Any] | None = None, kept: Mapping[str, str] | None = None) -> None:
        super().__init__(EngineMocks(owner or {}))
        self._kept = kept or {}
        self.registered: list[Registration] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        self.registered.append(
            Registration(
                urn=urn,
                kind=request.type.split(":")[-1],
                type=request.type,
                name=request.name,
                part=request.name.removeprefix(f"{request.parent.rpartition('::')[2]}-"),
                inputs=rpc.deserialize_properties(request.object),
                provider=request.provider,
                parent=request.parent,
                custom=request.custom,
                deleted_with=request.deletedWith,
                secret_outputs=tuple(request.additionalSecretOutputs),
                protected=request.protect,
                retained=request.retainOnDelete,
                dependencies=tuple(sorted(request.dependencies)),
                create_timeout=request.customTimeouts.create,
                create_hooks=tuple(request.hooks.before_create),
                ignored=tuple(request.ignoreChanges),
                update_hooks=tuple(request.hooks.before_update),
            )
        )
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=f"{request.name}-id", object=self._outputs(request)
        )

    def _outputs(self, request: Any) -> Any:
        outputs = deepcopy(request.object)
        if request.type == "pulumi:index:Stash":
            outputs.fields["output"].CopyFrom(request.object.fields["input"])
            if request.name in self._kept:
                outputs.update({"output": self._kept[request.name]})
        outputs.update(
            {"Node": NODE_OUTPUTS, "KindCluster": KIND_OUTPUTS}.get(request.type.split(":")[-1], {})
        )
        return outputs

    def recording(self) -> Recording:
        """Return what was registered."""
        return Recording(registered=sorted(self.registered, key=lambda entry: entry.urn))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All registrations of a program that has ended, in the order of their URNs: they reach the engine in any order."""

    registered: list[Registration] = field(default_factory=list)

    def of(self, kind: str) -> list[Registration]:
        return [entry for entry in self.registered if entry.kind == kind]

    def one(self, kind: str) -> Registration:
        (entry,) = self.of(kind)
        return entry

    def named(self, kind: str, part: str) -> Registration:
        (entry,) = [entry for entry in self.of(kind) if entry.part == part]
        return entry

    def parts(self, urns: Iterable[str]) -> set[str]:
        """Return the names of resources within their components."""
        wanted = set(urns)
        return {entry.part for entry in self.registered if entry.urn in wanted}

    def spec(self, kind: str) -> dict[str, Any]:
        spec: dict[str, Any] = self.one(kind).inputs["spec"]
        return spec

    @property
    def pod(self) -> dict[str, Any]:
        pod: dict[str, Any] = self.spec("Deployment")["template"]["spec"]
        return pod

    @property
    def container(self) -> dict[str, Any]:
        (container,) = self.pod["containers"]
        return container


class Callbacks:
    """Replaces the engine's callback server: hooks are registered, and run by tests alone."""

    def __init__(self) -> None:
        self.hooks: dict[str, pulumi.ResourceHook] = {}

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        assert hook.opts is not None
        assert hook.opts.on_dry_run
        self.hooks[hook.name] = hook


class EngineLoop(asyncio.SelectorEventLoop):
    """Calls the engine in the program's own thread: a change of threads would take longer than the call."""

    def run_in_executor(self, _executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        answer = self.create_future()
        answer.set_result(func(*args))
        return answer


@cache
def engine_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of all recordings."""
    return EngineLoop()


def _use(monitor: Monitor) -> None:
    """Make `monitor` the engine of the next program."""
    # The SDK uses the thread's event loop, and an asynchronous test leaves none behind.
    asyncio.set_event_loop(engine_loop())
    mocks.set_mocks(
        monitor.mocks,
        project="notification-platform",
        stack="test",
        monitor=monitor,
        organization="organization",
    )
    SETTINGS.callbacks = cast("Any", Callbacks())


def record_bundle(owner: dict[str, Any] | None = None, **values: str) -> Recording:
    """Run the bundle with the configuration values of a stack and record its registrations.

    `owner` contains the outputs of the stack that owns the cluster.
    """
    return record_settings(parse(values), owner=owner)


def record_settings(
    settings: Settings,
    *,
    owner: dict[str, Any] | None = None,
    connect: Connect | None = None,
    kept: Mapping[str, str] | None = None,
    inspect: Callable[[Bundle], None] = lambda _bundle: None,
    schemas: bool = False,
) -> Recording:
    """Run the bundle with settings and record its registrations; `connect` replaces the cluster of the settings.

    `inspect` gets the bundle while the program runs. The rest is for `record_program`.
    """

    def program() -> pulumi.Output[str]:
        bundle = Bundle("platform", settings=settings, connect=connect)
        inspect(bundle)
        return bundle.namespace

    return record_program(program, owner=owner, kept=kept, schemas=schemas)


def record_program(
    program: Callable[[], object],
    *,
    owner: dict[str, Any] | None = None,
    kept: Mapping[str, str] | None = None,
    schemas: bool = False,
) -> Recording:
    """Run a program until the outputs that it returns are known, and record its registrations.

    `owner` contains the outputs of the stack that owns the cluster. `kept` are values that the state keeps from an earlier update.

    The node image is a constant, so the machine needs neither Docker nor an image. What costs much of a recording's time and decides
    nothing is left out: the hash of the sources is that of the first recording, no resource has the place where it was created,
    and the CRDs have schemas on request only.
    """
    monitor = Monitor(owner, kept)
    _use(monitor)
    with (
        mock.patch("platform_infra.cluster.local.node.current_image", return_value=NODE_IMAGE),
        mock.patch("platform_infra.cluster.ownership.new_state_id", return_value=NEW_STATE),
        mock.patch("platform_infra.bundle.image_name", IMAGE_NAME),
        mock.patch.multiple(definitions, **(WITH_SCHEMAS if schemas else WITHOUT_SCHEMAS)),
        mock.patch("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace),
    ):
        pulumi.runtime.test(program)()
    return monitor.recording()
