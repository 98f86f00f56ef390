"""`notif route test`: what the routing rules choose for labels."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.boundary import ending
from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    Context,
    Kubeconfig,
    NoColor,
    OperatorNamespace,
    OutputOption,
    RulesFile,
)
from notification_cli.views.format import Output

route = typer.Typer(help="Test the routing rules.", no_args_is_help=True, rich_markup_mode=None)


@route.callback()
def group() -> None:
    """Test the routing rules."""


@route.command("test")
@ending
def check(  # noqa: PLR0913 - the options
    *,
    labels: Annotated[
        str, typer.Option(help="Labels, such as kubernaut.ai/severity=critical,team=a.", show_default=False)
    ] = "",
    file: Annotated[
        str,
        typer.Option(help="File with labels and expected channels; - is standard input.", show_default=False),
    ] = "",
    rules: RulesFile = "",
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    output: OutputOption = "table",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Show which rules match labels and which channels they choose, or check a file of expectations.

    The exit code is 1 if an expectation does not hold. With `--rules`, no cluster is needed.

    Examples: `notif route test --labels kubernaut.ai/severity=critical`,
    `notif route test --rules routing.yaml --file routes_test.yaml`.
    """
    from notification_cli.actions.routing import RouteTest, expectations_of
    from notification_cli.output.screen import Screen
    from notification_cli.rules import Rules
    from notification_cli.session import run

    source = Rules.of(file=rules, namespace=operator_namespace)
    expectations = expectations_of(labels, file)
    command = RouteTest(expectations=expectations, explains=not file, rules=source, output=Output.of(output))
    if rules:
        return command.run_offline(Screen.standard(no_color=no_color))
    return run(command.run, kubeconfig=kubeconfig, context=context, no_color=no_color)
