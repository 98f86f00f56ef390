"""`notif suspend` and `notif resume`: hold the messages of a receiver, and deliver them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification_cli.options import (
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    OutputOption,
    ReceiverName,
)
from notification_cli.views.format import Output

if TYPE_CHECKING:
    from collections.abc import Callable


def _command(name: str, help_text: str, *, suspends: bool) -> Callable[..., int]:
    """Return a command that changes whether a receiver is suspended; both have the same options."""

    def command(  # noqa: PLR0913 - the options
        receiver: ReceiverName,
        *,
        namespace: Namespace = "",
        output: OutputOption = "table",
        context: Context = "",
        kubeconfig: Kubeconfig = "",
        no_color: NoColor = False,
    ) -> int:
        from notification_cli.actions.checks import receiver_filter
        from notification_cli.actions.receivers import Suspending
        from notification_cli.session import run

        chosen = receiver_filter(receiver, option="RECEIVER")
        suspending = Suspending(receiver=chosen, suspends=suspends, output=Output.of(output))
        return run(
            suspending.run, kubeconfig=kubeconfig, context=context, namespace=namespace, no_color=no_color
        )

    command.__name__, command.__doc__ = name, help_text
    return command


suspend = _command(
    "suspend",
    """Hold the messages of a receiver.

    They wait and use up no attempt. A message whose deliverBefore passes meanwhile expires. A tool that applies the receiver from a repository can resume it.

    Example: `notif suspend on-call -n notification-system`.
    """,
    suspends=True,
)
resume = _command(
    "resume",
    """Deliver the messages of a suspended receiver again.

    Those that wait are delivered, too.

    Example: `notif resume on-call -n notification-system`.
    """,
    suspends=False,
)
