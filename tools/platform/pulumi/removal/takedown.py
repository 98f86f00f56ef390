"""The end of a stack: its resources, its state and its kubeconfig, after a question if its cluster is shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.platform.confirmation import Question, confirm
from tools.platform.console import err, out
from tools.platform.errors import PlatformError
from tools.platform.preview.stacks import previews
from tools.platform.pulumi.environment import drop_kubeconfig, own_name
from tools.platform.pulumi.removal.deletion import check_gone, delete_resources, forget_cluster
from tools.platform.pulumi.removal.destruction import check_place, contents
from tools.platform.pulumi.stack import (
    check_exists,
    exists,
    open_with_settings,
    remove,
    use_backend_with,
)
from tools.platform.pulumi.stack_file import has_file, uses_local_cluster
from tools.platform.pulumi.state.backend import backend_url, shown

if TYPE_CHECKING:
    from pulumi.automation import Stack as PulumiStack

    from platform_infra.settings.model import Settings


def take_down(name: str, *, yes: bool = False, run_program: bool = False, cluster_gone: bool = False) -> None:
    """Destroy the stack and remove it."""
    if not exists(name):
        out.print(f"{name} is not up.")
        return
    check_previews(name)
    # Without it, the engine writes one that would stay.
    deleted = not has_file(name)
    stack, settings = open_with_settings(name)
    confirm_destruction(stack, settings, yes=yes, run_program=run_program, cluster_gone=cluster_gone)
    if cluster_gone:
        forget_cluster(stack)
    else:
        delete_resources(stack, again=f"tools/notif-platform down {name}", run_program=run_program)
    remove(stack, generated=deleted)
    drop_kubeconfig(name)
    left = "the objects in its cluster are forgotten" if cluster_gone else "none of its resources is left"
    out.print(f"{name} is down; {left}.")


def confirm_destruction(
    stack: PulumiStack,
    settings: Settings,
    *,
    yes: bool,
    run_program: bool = False,
    cluster_gone: bool = False,
) -> None:
    """Check the place of a stack with a shared cluster, show what goes, and ask unless `yes` answers that."""
    state = contents(stack)
    local = state.may_vanish or (not state.kubeconfig and uses_local_cluster(stack.name))
    if local or state.is_empty:
        return
    if cluster_gone:
        check_gone(stack.name, state)
    else:
        check_place(stack.name, state, settings.cluster, run_program=run_program)
    text = state.text(stack.name, shown(backend_url(stack.name)), cluster_gone=cluster_gone)
    err.print(text, markup=False, highlight=False, soft_wrap=True)
    confirm(
        stack.name,
        Question(
            action="destroy it",
            command=f"down {stack.name}{' --cluster-gone' if cluster_gone else ''}",
            untouched="nothing has been destroyed",
        ),
        yes=yes,
    )


def check_previews(name: str) -> None:
    """Check that no preview uses the cluster and the CRD of the stack."""
    if users := [preview for preview in previews() if own_name(preview.base) == name]:
        commands = "; ".join(f"`tools/notif-platform preview down {preview.number}`" for preview in users)
        names = ", ".join(preview.stack for preview in users)
        raise PlatformError(
            f"{names} live(s) in the cluster of {name}", hint=f"take them down first: {commands}"
        )


def take_down_known(stack: str, *, yes: bool, run_program: bool, cluster_gone: bool) -> None:
    """Destroy a stack that has a file or a state, in its backend."""
    use_backend_with(stack)
    check_exists(stack)
    take_down(stack, yes=yes, run_program=run_program, cluster_gone=cluster_gone)
