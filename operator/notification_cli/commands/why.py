"""`notif why`: why a notification goes where it goes, and what happens next."""

from __future__ import annotations

from notification_cli.boundary import finish
from notification_cli.options import (
    DEFAULT_RULES_NAMESPACE,
    Context,
    Kubeconfig,
    Name,
    Namespace,
    NoColor,
    Output,
    OutputOption,
    RulesFile,
    RulesNamespace,
)


def why(  # noqa: PLR0913 - the options
    name: Name,
    *,
    namespace: Namespace = "",
    rules: RulesFile = "",
    rules_namespace: RulesNamespace = DEFAULT_RULES_NAMESPACE,
    output: OutputOption = Output.TABLE,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> None:
    """Explain the route of a notification, and what the operator does next, by the operator's own rules.

    Example: `notif why order-4711 -n shop`.
    """

    def work() -> int:
        from notification_cli.actions.single import Single
        from notification_cli.kube.kubeconfig import Access
        from notification_cli.output.screen import Screen
        from notification_cli.rules import Rules
        from notification_cli.session import run

        single = Single(name=name, rules=Rules(file=rules, namespace=rules_namespace), output=output)
        access = Access(kubeconfig=kubeconfig, context=context, namespace=namespace)
        return run(access, Screen.standard(no_color=no_color), single.why)

    finish(work)
