"""`notif web`: a read-only page on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from notification_cli.options import (
    DEFAULT_OPERATOR_NAMESPACE,
    AllNamespaces,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    OperatorNamespace,
)


def web(  # noqa: PLR0913 - the options
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 chooses a free one.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    namespace: Namespace = "",
    all_namespaces: AllNamespaces = False,
    operator_namespace: OperatorNamespace = DEFAULT_OPERATOR_NAMESPACE,
    context: Context = "",
    kubeconfig: Kubeconfig = "",
    no_color: NoColor = False,
) -> int:
    """Serve a read-only page on this machine.

    It ends with Ctrl-C. The page has your rights in the cluster, and only this machine reaches it.
    """
    from notification_cli.rules import Rules
    from notification_cli.session import run
    from notification_cli.web.serve import Serving

    serving = Serving(
        port=port,
        all_namespaces=all_namespaces,
        open_browser=open_browser,
        rules=Rules(namespace=operator_namespace),
        kubeconfig=kubeconfig,
    )
    return run(serving.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color)
