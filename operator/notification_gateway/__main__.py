"""Runs the command line as `python -m notification_gateway`, and handles SIGTERM from the first moment on."""

import signal
import sys

# As in the operator: the first process of a container ignores a SIGTERM without a handler.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from notification_gateway.cli import app  # noqa: E402 - after the handler is installed

app()
