"""The kubeconfig of the cluster that a stack is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_infra.names import PROJECT
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.sections.cluster import Cluster
from tools.platform.pulumi.stack import outputs, place_of
from tools.platform.pulumi.stack_file import StackFileError

if TYPE_CHECKING:
    from pulumi import automation as auto


def cluster_access(stack: auto.Stack) -> tuple[str, str]:
    """Return kubeconfig and context of the stack's cluster: of its outputs, of its owner's, or those that its settings name."""
    # Imported here: the import takes a second, and few commands need it.
    from platform_infra.cluster.connection import ClusterError  # noqa: PLC0415
    from platform_infra.cluster.existing import named  # noqa: PLC0415
    from platform_infra.cluster.owned import context_of, kubeconfig_text  # noqa: PLC0415

    values = outputs(stack)
    if "kubeconfig" in values:
        return values["kubeconfig"], values["context"]
    settings = _cluster_settings(stack)
    try:
        if settings.kind == ClusterKind.STACK:
            theirs = place_of(stack).stack_outputs(settings.stack)
            values = {key: output.value for key, output in theirs.items()}
            kubeconfig = kubeconfig_text(settings.stack, "kubeconfig", values.get("kubeconfig"))
            return kubeconfig, context_of(settings.stack, kubeconfig, values.get("context"))
        single = named(settings)
        return single.text(), single.context
    except ClusterError as error:
        raise StackFileError(f"{stack.name}: {error}") from None


def _cluster_settings(stack: auto.Stack) -> Cluster:
    """Return how the settings name the cluster, with the values that are encrypted."""
    config = stack.get_all_config()
    keys = {
        "kind": "clusterKind",
        "kubeconfig": "clusterKubeconfig",
        "context": "clusterContext",
        "stack": "clusterStack",
    }
    present = {field: config.get(f"{PROJECT}:{key}") for field, key in keys.items()}
    return Cluster.model_validate({field: each.value for field, each in present.items() if each})
