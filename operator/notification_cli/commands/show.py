"""`notif show` and `notif why`: one notification, what became of it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    Name,
    Namespace,
    NoColor,
    OperatorNamespace,
    OutputOption,
    RulesFile,
)
from notification_cli.views.format import Output

if TYPE_CHECKING:
    from collections.abc import Callable


def _command(name: str, help_text: str, *, explains: bool) -> Callable[..., int]:
    """Return a command about one notification; both have the same options."""

    def command(  # noqa: PLR0913 - the options
        name: Name,
        *,
        namespace: Namespace = "",
        rules: RulesFile = "",
        operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
        output: OutputOption = "table",
        context: Context = "",
        kubeconfig: Kubeconfig = "",
        no_color: NoColor = False,
    ) -> int:
        from notification_cli.actions.single import Single
        from notification_cli.rules import Rules
        from notification_cli.session import run

        single = Single(
            name=name,
            rules=Rules.of(file=rules, namespace=operator_namespace),
            home=operator_namespace,
            explains=explains,
            output=Output.of(output),
        )
        return run(single.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)

    command.__name__, command.__doc__ = name, help_text
    return command


show = _command(
    "show",
    """Show a notification, its targets and its timeline.

    The receiver behind each target is named, with its health, and the attempts with the pauses between them.

    Example: `notif show order-4711 -n shop`.
    """,
    explains=False,
)
why = _command(
    "why",
    """Explain where a notification goes and what happens next.

    The answer follows the operator's own rules: routing, attempts and backoff, receivers and their fallbacks.

    Example: `notif why order-4711 -n shop`.
    """,
    explains=True,
)
