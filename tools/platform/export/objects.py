"""Which objects of a stack are exported, in which form, and in which order they are applied. Pure."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from platform_infra import names
from platform_infra.settings.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from platform_infra.settings.model import Settings

Document = dict[str, Any]
"""An object in the form of the Kubernetes API."""
ORDER: Final = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "FlowSchema",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "Deployment",
    "Ingress",
    "CronJob",
    "PodMonitor",
    "PrometheusRule",
    names.RECEIVER_KIND,
)
"""Every kind that the program registers, in the order of application."""
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
ENGINE_DOMAIN: Final = "pulumi.com"
SLACK_HINT: Final = "set channelsSlackExistingSecret to the name of a Secret in operatorNamespace"


def refusals(settings: Settings, encrypted: Collection[str] = ()) -> list[Problem]:
    """Return each setting that YAML cannot express, and each of the `encrypted` ones whose value an object would contain."""
    # Imported here, because the help of `export` imports this module.
    from platform_infra.settings.model import SECRET_KEYS  # noqa: PLC0415

    found = list(_inexpressible(settings))
    # Settings that are in no object: they select the cluster, or are values of Secrets.
    unused = {*SECRET_KEYS, "clusterContext", "clusterStack", *(each.key.partition("[")[0] for each in found)}
    hint = "store it unencrypted, or use `up`"
    found += [_refused(key, "is encrypted", hint) for key in sorted(set(encrypted) - unused)]
    return found


def _inexpressible(settings: Settings) -> Iterator[Problem]:
    """Yield values of Secrets, previews, and an image that is built here."""
    slack, registry = settings.channels.slack, settings.operator.registry
    if slack.enabled and not slack.existing_secret:
        yield _refused("channelsSlackWebhookUrl", "would be the value of a Secret", SLACK_HINT)
    if registry.server:
        hint = "set operatorImagePullSecrets to the names of Secrets in operatorNamespace"
        yield _refused("operatorRegistryPassword", "would be the value of a Secret", hint)
    for index, receiver in enumerate(settings.receivers):
        if receiver.secrets:
            hint = f"create {', '.join(receiver.secrets)} yourself, and list the names in existingSecrets of the receiver"
            yield _refused(f"receivers[{index}].secrets", "would be values of Secrets", hint)
    if settings.operator.enabled and not settings.operator.image:
        hint = "set it to an image that the cluster can pull"
        yield _refused("operatorImage", "is empty, and only `up` builds an image", hint)
    if settings.preview.number or settings.preview.base:
        key = "previewNumber" if settings.preview.number else "previewBase"
        yield _refused(key, "is set, but previews need a stack of Pulumi", "remove it, or use `up`")


def _refused(key: str, what: str, hint: str) -> Problem:
    return Problem(key=key, what=what, hint=hint)


def exported(registered: Iterable[Mapping[str, Any]], *, replicas_managed: bool) -> list[Document]:
    """Return the objects that a program has registered without the marks of the engine, in the order of application.

    A random key is the only Secret of a stack that is not refused; an administrator creates it.
    Without `replicas_managed`, the operator's Deployment has no number of pods, so that applying it again changes none.
    """
    documents = [_without_marks(each) for each in registered if each["kind"] != "Secret"]
    for each in documents:
        if (
            each["kind"] == "Deployment"
            and each["metadata"]["name"] == names.OPERATOR
            and not replicas_managed
        ):
            del each["spec"]["replicas"]
    return sorted(documents, key=_place)


def rank(document: Mapping[str, Any]) -> int:
    """Return the position of an object's kind in the order of application."""
    return ORDER.index(document["kind"])


def _place(document: Mapping[str, Any]) -> tuple[int, str, str]:
    metadata = document["metadata"]
    return rank(document), metadata.get("namespace", ""), metadata["name"]


def _without_marks(registered: Mapping[str, Any]) -> Document:
    document: Document = _whole(deepcopy(dict(registered)))
    for metadata in _metadata(document):
        metadata["labels"] = {
            key: value
            for key, value in (metadata.get("labels") or {}).items()
            if (key, value) != (MANAGED_BY, "pulumi")
        }
        metadata["annotations"] = {
            key: value
            for key, value in (metadata.get("annotations") or {}).items()
            if key.partition("/")[0] != ENGINE_DOMAIN and key != names.CRD_OWNER
        }
        for key in ("labels", "annotations"):
            if not metadata[key]:
                del metadata[key]
    return document


def _metadata(document: Document) -> Iterator[dict[str, Any]]:
    """Yield the metadata of an object, of its job and of its pods."""
    while document:
        if "metadata" in document:
            yield document["metadata"]
        spec = document.get("spec") or {}
        document = spec.get("jobTemplate") or spec.get("template") or {}


def _whole(value: Any) -> Any:  # noqa: ANN401 - any value of an object
    """Write whole numbers without a fraction: the engine transports every number as a float."""
    match value:
        case dict():
            return {key: _whole(each) for key, each in value.items()}
        case list() | tuple():
            return [_whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
