"""Deletes the resources of a stack, and explains what keeps one of them; or forgets those of a cluster that no longer exists."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import yaml
from pulumi.automation import CommandError, ConcurrentUpdateError, Deployment

from platform_infra.cluster.api_client import JSON, api_client
from platform_infra.cluster.api_server import DEFINITIONS
from tools.platform.errors import PlatformError
from tools.platform.kinds import DISCOVERY, kinds_of
from tools.platform.pulumi.operations import destroy
from tools.platform.pulumi.removal.destruction import PROVIDER, contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from platform_infra.cluster.api_client import Answer, ApiClient

    Object = Mapping[str, Any]
    from pulumi.automation import Stack

    from tools.platform.kinds import Kind
    from tools.platform.pulumi.removal.destruction import Contents

METADATA = "application/json;g=meta.k8s.io;v=v1;as=PartialObjectMetadata"
METADATA_LIST = f"{METADATA}List"
NAMESPACE, DEFINITION = "Namespace", "CustomResourceDefinition"
CLUSTER_FINALIZERS = frozenset({"customresourcecleanup.apiextensions.k8s.io", "foregroundDeletion", "orphan"})
"""Finalizers that the cluster itself removes once nothing else holds the object."""
TERMINATING = "Terminating"
"""The condition of a definition that is being deleted."""
UNDER_WAY = ("InstanceDeletionPending", "InstanceDeletionInProgress")
"""Its reasons while nothing has failed."""
LIST_LIMIT = 500
"""Objects of a kind that are looked at; the first few tell what is wrong."""
MAX_SHOWN = 20
READY_WITHIN, FAILURE_WITHIN, REPEAT_EVERY = 10.0, 3.0, 0.2
"""Seconds."""
NO_OBJECTS = "labelSelector=kubernaut.ai/none"
"""Selects none, because no object has this label. With a limit instead, the API server answers before its cache is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldObject:
    kind: str
    plural: str
    """The plural with its group, as kubectl takes it, such as `notificationreceivers.kubernaut.ai`."""
    namespace: str
    name: str
    finalizers: tuple[str, ...]

    def text(self) -> str:
        """Return the object and what holds it, such as `ConfigMap a/b has the finalizer example.com/c`."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        several = "s" if len(self.finalizers) > 1 else ""
        return f"{self.kind} {place} has the finalizer{several} {', '.join(self.finalizers)}"

    def command(self, context: str) -> str:
        place = f" -n {self.namespace}" if self.namespace else ""
        return (
            f"kubectl --context {context}{place} patch {self.plural} {self.name} --type merge "
            '-p \'{"metadata":{"finalizers":null}}\''
        )


class Deletions:
    """The deletions that an API server has not completed.

    A request that fails counts as an empty answer: the deletion itself says what is wrong.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def holders(self, resources: Iterable[tuple[str, str]]) -> list[HeldObject]:
        """Return what holds objects of a state, which are pairs of the engine's type and id; each holder once."""
        holders = [each for kind, name in resources for each in self._holders_of(kind, name)]
        return list(dict.fromkeys(holders))[:MAX_SHOWN]

    def unfinished(self, resources: Iterable[tuple[str, str]]) -> list[str]:
        """Return the definitions among objects of a state whose objects the API server has not deleted yet, and what it says."""
        names = [name for type_, name in resources if (kind := self._kind(type_)) and kind.name == DEFINITION]
        documents = {name: self._settled(name) for name in names}
        return [
            f"{DEFINITION} {name}: {_progress(document)}"
            for name, document in documents.items()
            if document.get("metadata", {}).get("deletionTimestamp")
        ]

    def _settled(self, definition: str) -> Object:
        """Read a definition until it says what failed: for a moment, each repeated deletion says that it is in progress."""
        deadline = time.monotonic() + FAILURE_WITHIN
        while True:
            document = self._get(f"{DEFINITIONS}/{definition}")
            if _terminating(document).get("reason") not in UNDER_WAY or time.monotonic() >= deadline:
                return document
            time.sleep(REPEAT_EVERY)

    def await_caches(self, definitions: Iterable[str]) -> None:
        """Wait until the API server has a cache of the objects of these definitions, which it fills after their first request.

        It refuses to list them until then, also to its own deletion of a definition. That repeats a refused list after 5 ms, and
        if it then reads the definition from its cache as it was before, only five minutes later.
        """
        deadline = time.monotonic() + READY_WITHIN
        for kind in [kind for name in definitions for kind in self._instances(name)]:
            while self._is_filling(kind) and time.monotonic() < deadline:
                time.sleep(REPEAT_EVERY)

    def in_namespace(self, name: str) -> list[HeldObject]:
        kinds = [kind for kind in self._served if kind.namespaced and kind.deletable]
        return list(dict.fromkeys(each for kind in kinds for each in self._list(kind, name)))[:MAX_SHOWN]

    def _holders_of(self, type_: str, id_: str) -> Iterator[HeldObject]:
        """Yield what holds one object: its own finalizers, and those of what a namespace or a definition contains."""
        kind = self._kind(type_)
        if kind is None:
            return
        *namespace, own = id_.split("/")
        document = self._get(kind.path("".join(namespace), own), METADATA)
        if not document.get("metadata", {}).get("deletionTimestamp"):
            return
        yield from _held(kind, document)
        if kind.name == NAMESPACE:
            yield from self.in_namespace(own)
        if kind.name == DEFINITION:
            yield from (each for kind in self._instances(own) for each in self._list(kind))

    def _instances(self, definition: str) -> list[Kind]:
        """Return the kind that a definition defines; none if the cluster does not serve it."""
        plural, _, group = definition.partition(".")
        return [each for each in self._served if (each.group, each.plural) == (group, plural)]

    def _kind(self, type_: str) -> Kind | None:
        _, version, name = type_.split(":")
        group = version.rpartition("/")[0].removeprefix("core")
        return next((each for each in self._served if (each.group, each.name) == (group, name)), None)

    def _list(self, kind: Kind, namespace: str = "") -> Iterator[HeldObject]:
        for item in self._get(f"{kind.path(namespace)}?limit={LIST_LIMIT}", METADATA_LIST).get("items") or []:
            yield from _held(kind, item)

    @cached_property
    def _served(self) -> list[Kind]:
        answers = [self._get(path, DISCOVERY) for path in ("/api", "/apis")]
        return [kind for answer in answers for kind in kinds_of(answer)]

    def _is_filling(self, kind: Kind) -> bool:
        answer = self._answer(f"{kind.path()}?{NO_OBJECTS}", METADATA_LIST)
        return answer is not None and answer.status == HTTPStatus.TOO_MANY_REQUESTS

    def _get(self, path: str, accept: str = JSON) -> Object:
        answer = self._answer(path, accept)
        return answer.document if answer and answer.accepted else {}

    def _answer(self, path: str, accept: str) -> Answer | None:
        # Imported here: the imports take a second, and are needed after a failure only.
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return self._api.get(path, accept=accept)
        except (ApiException, HTTPError):
            return None


def _held(kind: Kind, document: Object) -> Iterator[HeldObject]:
    metadata = document["metadata"]
    finalizers = tuple(each for each in metadata.get("finalizers") or () if each not in CLUSTER_FINALIZERS)
    if metadata.get("deletionTimestamp") and finalizers:
        yield HeldObject(
            kind=kind.name,
            plural=f"{kind.plural}.{kind.group}".rstrip("."),
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            finalizers=finalizers,
        )


def _progress(definition: Object) -> str:
    return _terminating(definition).get("message") or "its deletion has not begun"


def _terminating(definition: Object) -> Object:
    conditions = definition.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == TERMINATING), {})


def explained(held: Sequence[HeldObject], context: str, *, again: str) -> tuple[str, str]:
    """Return what holds a deletion, one line per object, and what to do; `again` is the command to repeat."""
    hint = (
        "the controller that sets a finalizer also removes it: check that it runs. If it no longer exists, remove the finalizer, for "
        f"example with `{held[0].command(context)}`; then run `{again}` again"
    )
    return _listed(each.text() for each in held), hint


def _listed(entries: Iterable[str]) -> str:
    return "".join(f"\n  - {each}" for each in entries)


UNREACHABLE_KEY = "deleteUnreachable"
"""The provider's setting that takes precedence over FORGET."""
FORGET = {"PULUMI_K8S_DELETE_UNREACHABLE": "true"}
"""Lets the provider remove objects from the state if their cluster does not answer."""


class HeldError(PlatformError):
    """An object that the stack deletes is held by a finalizer, or a definition by objects that are still to be deleted."""


def delete_resources(stack: Stack, *, again: str, run_program: bool = False) -> None:
    """Destroy the stack; see `stack.destroy`. `again` is the command that continues after a failure.

    Raises:
        HeldError: an object was not deleted in time, because finalizers hold it or what it contains, or because the API server
            has not deleted all objects of a definition yet.
        CommandError: the engine failed for another reason.
    """
    _await_caches(contents(stack))
    try:
        destroy(stack, run_program=run_program)
    except ConcurrentUpdateError:
        raise
    except CommandError:
        explanation = _explanation(stack.name, contents(stack), again)
        if explanation is None:
            raise
        raise explanation from None


def forget_cluster(stack: Stack) -> None:
    """Destroy the stack without its cluster: objects in it are only removed from the state, everything else is deleted."""
    _let_variable_decide(stack)
    stack.workspace.env_vars = {**stack.workspace.env_vars, **FORGET}
    destroy(stack)


def check_gone(stack: str, state: Contents) -> None:
    """Check that nothing answers at the address of the cluster."""
    if state.kubeconfig and _answers(state):
        raise PlatformError(
            f"{stack}: an API server answers at the address in its state ({state.server}), so the cluster may still exist; "
            "nothing has been forgotten",
            hint=f"run `tools/notif-platform down {stack}` without --cluster-gone. If it is another cluster at this address, remove "
            f"the state alone: `pulumi stack rm --force --preserve-config {stack}`",
        )


def _await_caches(state: Contents) -> None:
    from kubernetes.config import ConfigException  # noqa: PLC0415 - the import takes a second

    if state.kubeconfig and state.definitions:
        # Credentials that cannot be read are the engine's to report.
        with suppress(ConfigException), api_client(yaml.safe_load(state.kubeconfig), state.context) as api:
            Deletions(api).await_caches(state.definitions)


def _explanation(stack: str, state: Contents, again: str) -> PlatformError | None:
    if not state.kubeconfig:
        return None
    with api_client(yaml.safe_load(state.kubeconfig), state.context) as api:
        deletions = Deletions(api)
        if held := deletions.holders(state.objects):
            lines, hint = explained(held, state.context, again=again)
            return HeldError(
                f"{stack} still has objects that are being deleted, because finalizers hold them or what they contain:{lines}",
                hint=hint,
            )
        if unfinished := deletions.unfinished(state.objects):
            return HeldError(
                f"{stack} still has CustomResourceDefinitions whose objects the API server is deleting:{_listed(unfinished)}",
                hint="the API server repeats it by itself, after pauses of up to several minutes; then run "
                f"`{again}` again",
            )
    return None


def _answers(state: Contents) -> bool:
    """Return whether anything answers: a refused request or a failed TLS handshake is an answer, too."""
    from kubernetes.client import ApiException  # noqa: PLC0415 - the import takes a second
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    with api_client(yaml.safe_load(state.kubeconfig), state.context) as api:
        try:
            api.get("/version")
        except ApiException:
            return True
        except HTTPError:
            return False
    return True


def _let_variable_decide(stack: Stack) -> None:
    """Remove the setting from the recorded providers: with it, the provider would not read the variable."""
    exported = stack.export_stack()
    deployment = dict(exported.deployment or {})
    providers = [each for each in deployment.get("resources") or [] if each["type"] == PROVIDER]
    if any(UNREACHABLE_KEY in each.get("inputs", {}) for each in providers):
        for each in providers:
            each["inputs"].pop(UNREACHABLE_KEY, None)
        stack.import_stack(Deployment(version=exported.version, deployment=deployment))
