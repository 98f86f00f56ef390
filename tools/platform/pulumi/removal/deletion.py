"""Deletes the resources of a stack, and explains what keeps one of them; or forgets those of a cluster that no longer exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pulumi.automation import CommandError, ConcurrentUpdateError, Deployment

from platform_infra.cluster.api_client import api_client
from tools.platform.errors import PlatformError
from tools.platform.pulumi.removal.destruction import PROVIDER, contents
from tools.platform.pulumi.removal.finalizers import Deletions, explained, waiting
from tools.platform.pulumi.stack import destroy

if TYPE_CHECKING:
    from pulumi.automation import Stack

    from tools.platform.pulumi.removal.destruction import Contents

UNREACHABLE_KEY = "deleteUnreachable"
"""The provider's setting that takes precedence over FORGET."""
FORGET = {"PULUMI_K8S_DELETE_UNREACHABLE": "true"}
"""Lets the provider remove objects from the state if their cluster does not answer."""


class HeldError(PlatformError):
    """An object that the stack deletes is held by a finalizer."""


class UnfinishedError(PlatformError):
    """The API server has not deleted all objects of a definition in time, and nothing else holds them."""


class ClusterAnswersError(PlatformError):
    """A cluster that is said to be gone still answers; nothing has been forgotten."""


def delete_resources(stack: Stack, *, again: str, run_program: bool = False) -> None:
    """Destroy the stack; see `stack.destroy`. `again` is the command that continues after a failure.

    Raises:
        HeldError: an object was not deleted in time, because finalizers hold it or what it contains.
        UnfinishedError: a definition was not deleted in time, because the API server has not deleted its objects yet.
        CommandError: the engine failed for another reason.
    """
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
    """Destroy the stack without its cluster: objects in it are only removed from the state, everything else is deleted.

    Raises:
        CommandError: the engine failed, for example because a resource is protected.
    """
    _let_variable_decide(stack)
    stack.workspace.env_vars = {**stack.workspace.env_vars, **FORGET}
    destroy(stack)


def check_gone(stack: str, state: Contents) -> None:
    """Check that nothing answers at the address of the cluster.

    Raises:
        ClusterAnswersError: something does: a cluster that exists must not be forgotten.
    """
    if state.kubeconfig and _answers(state):
        raise ClusterAnswersError(
            f"{stack}: an API server answers at the address in its state ({state.server}), so the cluster may still exist; "
            "nothing has been forgotten",
            hint=f"run `tools/notif-platform down {stack}` without --cluster-gone. If it is another cluster at this address, remove "
            f"the state alone: `pulumi stack rm --force --preserve-config {stack}`",
        )


def _explanation(stack: str, state: Contents, again: str) -> PlatformError | None:
    """Return what keeps objects of the stack in the cluster; None if that is unknown."""
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
            lines, hint = waiting(unfinished, again=again)
            return UnfinishedError(
                f"{stack} still has CustomResourceDefinitions whose objects the API server is deleting:{lines}",
                hint=hint,
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
