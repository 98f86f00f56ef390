"""`notif check`: whether the platform is installed and works."""

from __future__ import annotations

from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    NoColor,
    OperatorNamespace,
    OutputOption,
)
from notification_cli.views.format import Output


def check(
    *,
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Check the installation, each line with its hint.

    CRDs, operator, versions, leader, admission policies and metrics are checked. Each line says what is wrong and what to do. The exit code is 1 if a check fails. What you may not look at is left out.

    Example: `notif check --operator-namespace notification-system`.
    """
    from notification_cli.actions.checking import Checking
    from notification_cli.session import run

    checking = Checking(home=operator_namespace, output=Output.of(output))
    return run(checking.run, kubeconfig=kubeconfig, context=context, no_color=no_color)
