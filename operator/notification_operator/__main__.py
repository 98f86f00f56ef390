"""Lets `python -m notification_operator` do what the command does, and be stopped from its first moment on."""

import signal
import sys

# A container's first process ignores a SIGTERM that it has no handler for, and importing takes a second or
# more. The operator brings a handler of its own once there is something to finish.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from notification_operator.cli import app  # noqa: E402 - not before the handler is there

app()
