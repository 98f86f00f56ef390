"""Write the file of a new stack, from options or from answers to a few questions."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from platform_infra.settings.cluster_kind import ClusterKind
from tools.platform.console import out
from tools.platform.deployment.first_receiver import FirstReceiver
from tools.platform.errors import UsageError


def init(  # noqa: PLR0913 - one argument per option
    stack: Annotated[str, typer.Argument(metavar="STACK", help="Name of the new stack.")],
    *,
    cluster: Annotated[ClusterKind | None, typer.Option(help="Source of the cluster (clusterKind).")] = None,
    kubeconfig: Annotated[
        str, typer.Option(metavar="FILE", help="For `existing`: path of the kubeconfig.")
    ] = "",
    context: Annotated[str, typer.Option(metavar="NAME", help="For `existing`: context in it.")] = "",
    owner: Annotated[
        str,
        typer.Option(
            metavar="STACK",
            help="For `stack`: the stack that owns the cluster, as organization/project/stack.",
        ),
    ] = "",
    receiver: Annotated[
        FirstReceiver | None,
        typer.Option(
            help="Type of the first receiver, which gets each message that names no other one; `none` to add receivers later. A local cluster needs none."
        ),
    ] = None,
) -> None:
    """Write the file of a new stack: stacks/Pulumi.STACK.yaml.

    At a terminal, the command asks for what no option says. It changes nothing else: `up` creates the stack.

    Examples: `init qa --cluster kind`, `init qa --cluster existing --kubeconfig '~/.kube/config' --context qa --receiver slack`.
    """
    from tools.platform.deployment import new_stack  # noqa: PLC0415 - `--help` needs none of it

    new_stack.check_new(stack)
    kind = cluster or ClusterKind(
        _answer("--cluster", f"Cluster ({', '.join(ClusterKind)})", ClusterKind.LOCAL)
    )
    values: dict[str, Any] = {"clusterKind": kind.value}
    if kind == ClusterKind.EXISTING:
        kubeconfig = kubeconfig or _answer("--kubeconfig", "Path of its kubeconfig", "~/.kube/config")
        context = context or _answer("--context", "Context in that kubeconfig")
    if kind == ClusterKind.STACK:
        owner = owner or _answer("--owner", "Stack that owns it, as organization/project/stack")
    given = {"clusterKubeconfig": kubeconfig, "clusterContext": context, "clusterStack": owner}
    values |= {key: value for key, value in given.items() if value}
    if not kind.is_local:
        # `down` then keeps the notifications of all users of the cluster.
        values["crdRetain"] = True
        receiver = receiver or FirstReceiver(
            _answer("--receiver", f"First receiver ({', '.join(FirstReceiver)})", FirstReceiver.SLACK)
        )
    steps = new_stack.write(stack, values, receiver or FirstReceiver.NONE)
    out.print(f"stacks/Pulumi.{stack}.yaml is written; stacks/README.md lists every setting. The next steps:")
    for step in steps:
        out.print(f"  {step}")


def _answer(option: str, question: str, default: str | None = None) -> str:
    """Return the answer to a question.

    Raises:
        UsageError: there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{option} is missing, and there is no terminal to ask at", hint=f"add {option}")
    return str(typer.prompt(question, default=default))
