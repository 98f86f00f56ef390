"""The options that commands share, and the enumerations that completion offers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

Namespace = Annotated[
    str,
    typer.Option("--namespace", "-n", help="Namespace. Defaults to that of the context.", show_default=False),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Selector = Annotated[
    str, typer.Option("--selector", "-l", help="Label selector, as in kubectl.", show_default=False)
]
Context = Annotated[
    str, typer.Option(help="Context of the kubeconfig. Defaults to the current one.", show_default=False)
]
Kubeconfig = Annotated[
    str,
    typer.Option(
        help="Path of the kubeconfig. Defaults to KUBECONFIG or ~/.kube/config.", show_default=False
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is delivered or has failed.")]
Timeout = Annotated[str, typer.Option(help="Time limit of --wait.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Write no colors; NO_COLOR does the same.")]
Name = Annotated[str, typer.Argument(help="Name of the notification.", show_default=False)]
OperatorNamespace = Annotated[
    str,
    typer.Option(
        "--operator-namespace",
        "--rules-namespace",
        envvar=["NOTIF_OPERATOR_NAMESPACE", "NOTIF_RULES_NAMESPACE"],
        help="Namespace of the operator: of the routing rules, and of receivers for everybody.",
    ),
]
RulesFile = Annotated[
    str,
    typer.Option(
        "--rules", help="File with the routing rules, in place of the ConfigMap.", show_default=False
    ),
]
DEFAULT_OPERATOR_NAMESPACE = "notification-system"


class Output(StrEnum):
    """The values of `-o`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the output.")]


class FinalPhaseChoice(StrEnum):
    """The phases of what can be sent again."""

    FAILED = "Failed"
    PARTIALLY_SENT = "PartiallySent"
    SUPPRESSED = "Suppressed"
