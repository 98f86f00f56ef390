"""Check what a cluster permits before a stack is brought up in it. Changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.answer import Form, Output
from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it


def preflight(  # noqa: PLR0913 - one argument per option
    stack: Stack = "",
    *,
    ci: Annotated[
        bool,
        typer.Option(
            "--ci",
            help="Check, in place of a cluster, that GitHub's environments of all deployed stacks have reviewers and branch rules.",
        ),
    ] = False,
    kubeconfig: Annotated[
        str, typer.Option(metavar="FILE", help="Kubeconfig to use instead of clusterKubeconfig.")
    ] = "",
    context: Annotated[
        str, typer.Option(metavar="NAME", help="Context to use instead of clusterContext.")
    ] = "",
    roles: Annotated[
        bool,
        typer.Option(
            "--roles",
            help="Print the missing rights as roles for the owner of the cluster, and the report to standard error.",
        ),
    ] = False,
    output: Output = Form.TEXT,
) -> None:
    """Check what the cluster of a stack permits, before `up`.

    Rights, kinds, namespaces, Secrets, quotas and Pod Security are checked. The objects are those that the program registers for the stack. Nothing is changed, neither in the cluster nor in the
    stack's state. The exit code is 1 if anything is missing.

    Examples: `preflight prod`, `preflight prod -o json`, `preflight prod --context team-a --roles`, `preflight --ci`.
    """
    if ci == bool(stack):
        raise typer.BadParameter("name a STACK, or use --ci for the environments of all stacks")
    if ci:
        from tools.platform.deployment.waves import discover  # noqa: PLC0415 - `--help` needs none of it
        from tools.platform.preflight.environments import check_environments  # noqa: PLC0415 - `--help` needs none of it

        check_environments(each.name for each in discover() if each.wave)
        return
    if roles and output.is_json:
        raise typer.BadParameter("--roles and --output json exclude each other; leave out one of them")
    from tools.platform.preflight.outcome import check  # noqa: PLC0415 - `--help` needs none of it

    check(stack, kubeconfig=kubeconfig, context=context, roles=roles, output=output)
