"""Runs the command line as `python -m notification_operator`, and handles SIGTERM from the first moment on."""

import signal
import sys

# The first process of a container ignores a SIGTERM without a handler, and the imports take a second or more. The
# operator installs its own handler when there is something to finish.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

# For its console renderer, which the operator does not use, structlog loads rich with pygments if it can: 4 MB.
sys.modules["rich"] = None  # type: ignore[assignment]  # documented: an import of it fails
import structlog  # noqa: E402, F401

del sys.modules["rich"]

from notification_operator.cli import app  # noqa: E402 - after the handler is installed

app()
