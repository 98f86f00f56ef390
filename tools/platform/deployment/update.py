"""The update of a stack: what it needs on this machine, its plan, and what it leaves for the user."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from platform_infra.cluster.kind import command as kind
from platform_infra.cluster.local import node
from platform_infra.image import build as image_build
from platform_infra.image.placeholder import missing_image
from platform_infra.settings.cluster_kind import ClusterKind
from tools.localcluster.image.images import ensure_base_image, ensure_images
from tools.localcluster.runtime.dockerd import ensure_docker
from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.layout import architecture
from tools.platform.confirmation import Question, check_terminal, confirm
from tools.platform.console import err
from tools.platform.pulumi.environment import ENGINE_GROUPS, drop_kubeconfig, write_kubeconfig
from tools.platform.pulumi.operations import adopt_existing, adopted, preview
from tools.platform.pulumi.operations import up as update
from tools.platform.pulumi.policy import policies
from tools.platform.pulumi.removal.destruction import check_given_up
from tools.platform.pulumi.stack import open_with_settings, outputs
from tools.platform.pulumi.stack_file import (
    StackFileError,
    check_name,
    check_stack_file,
    imports_environments,
    is_lasting,
)
from tools.platform.pulumi.state.protection import check_protection, check_provider

if TYPE_CHECKING:
    from pulumi.automation import Stack as PulumiStack
    from rich.console import Console

    from platform_infra.settings.model import Settings
    from tools.localcluster.toolchain import Toolchain


MESSAGE = "PULUMI_OPTION_MESSAGE"
"""The engine reads its option `--message` from this variable."""


class _Needed(TypedDict):
    """The arguments of `local_parts`."""

    network_policy: bool
    base: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `up`."""

    refresh: bool = False
    secrets_provider: str = ""
    with_policy: bool = False
    adopt: bool = False
    yes: bool = False
    message: str = ""
    """What the history of the stack says about the update; by default the subject of the checkout's commit."""


def bring_up(name: str, console: Console, options: Options | None = None) -> None:
    options = options or Options()
    lasting = is_lasting(name)
    if (lasting or options.adopt) and not options.yes:
        check_terminal(name, question_of(name, options))
    start = time.monotonic()
    stack, settings, toolchain = prepare(name, secrets_provider=options.secrets_provider)
    if options.message:
        stack.workspace.env_vars = {**stack.workspace.env_vars, MESSAGE: options.message}
    if lasting:
        check_given_up(stack, settings)
    if options.adopt or (lasting and not options.yes):
        confirm_update(stack, options, lasting=lasting)
        start = time.monotonic()
    checks = policies(name) if options.with_policy else None
    values, changed = update(stack, refresh=options.refresh, policies=checks)
    seconds = time.monotonic() - start
    console.print(f"\n{name} is up after {seconds:.0f} s, {'changed' if changed else 'nothing to change'}.")
    if "kubeconfig" in values:
        file = write_kubeconfig(name, values["kubeconfig"])
        console.print(f"  export KUBECONFIG={file} PATH={toolchain.bin}:$PATH\n  kubectl get notif -A")
    else:
        # Of a cluster that the stack had before.
        drop_kubeconfig(name)
        console.print(
            f"  export PATH={toolchain.bin}:$PATH\n  kubectl --context {values['context']} get notif -A   # with your kubeconfig"
        )


def question_of(name: str, options: Options) -> Question:
    chosen = {
        "--refresh": options.refresh,
        f"--secrets-provider '{options.secrets_provider}'": options.secrets_provider,
        "--policy": options.with_policy,
        "--adopt": options.adopt,
    }
    return Question(
        action="take them over" if options.adopt else "change it",
        command=" ".join(["up", name, *(option for option, used in chosen.items() if used)]),
        untouched="nothing has been changed",
    )


def confirm_update(stack: PulumiStack, options: Options, *, lasting: bool) -> None:
    """Show what the next update of the stack adopts, and of a lasting stack what it changes; ask if there is any of it."""
    err.print(f"{stack.name}: planning the update")
    if options.adopt:
        adopt_existing(stack)
    log = preview(stack, refresh=options.refresh)
    found = adopted(log) if options.adopt else []
    if found:
        err.print(f"`up` takes these objects over for {stack.name}:", *found, sep="\n")
    elif options.adopt:
        err.print(f"{stack.name}: nothing exists in its cluster that is in no state")
    planned = [f"  {line}" for change in log.planned for line in change.text()] if lasting else []
    if planned:
        err.print(f"`up` changes these resources of {stack.name}:", *planned, sep="\n")
    if found or planned:
        confirm(stack.name, question_of(stack.name, options), yes=options.yes)


def prepare(name: str, *, secrets_provider: str = "") -> tuple[PulumiStack, Settings, Toolchain]:
    """Open the stack and provide what it needs on this machine; a remote cluster needs only the engine.

    A configuration that cannot be used is an error before anything is downloaded or created.
    """
    check_name(name)
    check_protection(name, provider=secrets_provider)
    # Without an environment, the stack's file says what is needed, so all of it is provided at once.
    early = None if imports_environments(name) else _needed(name, check_stack_file(name))
    toolchain = local_parts(**early) if early else ensure(ENGINE_GROUPS)
    check_provider(name, secrets_provider)
    stack, settings = open_with_settings(name, secrets_provider=secrets_provider)
    needed = _needed(name, settings)
    if needed and needed != early:
        toolchain = local_parts(**needed)
    if settings.cluster.kind.is_local:
        report_missing_node(stack, settings)
    return stack, settings, toolchain


def report_missing_node(stack: PulumiStack, settings: Settings) -> None:
    """Print that the node of an earlier `up` no longer runs, and what this run does about it."""
    if not _has_node(stack.name, settings) and (container := outputs(stack).get("node")):
        err.print(
            f"The node {container} of {stack.name} is missing or stopped: it is created again, with every object of the stack. "
            "Notifications and files that were in it are lost."
        )


def _has_node(stack: str, settings: Settings) -> bool:
    if settings.cluster.kind == ClusterKind.LOCAL:
        return node.read(stack) is not None
    try:
        return kind.read(settings.cluster.kind_name or stack) is not None
    except kind.KindError:
        return True  # The program reports what prevents it from running.


def _needed(name: str, settings: Settings) -> _Needed | None:
    """Return what a stack with a local cluster needs; a remote cluster needs nothing but an image.

    Raises:
        StackFileError: it has no image.
    """
    if missing := missing_image(name, settings):
        raise StackFileError(missing)
    if settings.cluster.kind != ClusterKind.LOCAL:
        return None
    operator = settings.operator
    builds = operator.enabled and not operator.image
    return {
        "network_policy": settings.cluster.local.network_policy,
        "base": operator.base_image if builds else None,
    }


def local_parts(*, network_policy: bool = False, base: str | None = None) -> Toolchain:
    """Provide what a local node needs: programs, Docker, images.

    With `base`, the operator's image is built on it too; an empty `base` selects the default. What needs no program is built
    while the programs are compiled.
    """
    architecture()
    ensure_docker()
    with ThreadPoolExecutor(1) as pool:
        base_image = pool.submit(ensure_base_image)
        operator_image = pool.submit(_build_operator_image, base)
        toolchain = ensure()
        base_image.result()
        ensure_images(network_policy=network_policy)
        operator_image.result()
    return toolchain


def _build_operator_image(base: str | None) -> None:
    if base is not None:
        image_build.build(image=image_build.image_name(base), base=base)
