"""Start the command line: `python -m tools.platform`."""

import gc
import signal
import sys

from tools.platform.output import relayed
from tools.platform.processes import ended_by_signals, terminated_as_interrupted

# It takes a sixth of the time of the imports, and a command ends soon.
gc.disable()

try:
    # What Pulumi prints may contain secrets.
    with relayed(keep=sys.argv[1:2] != ["pulumi"]), ended_by_signals(), terminated_as_interrupted():
        from tools.platform.cli import app

        app(prog_name="notif-platform")
except KeyboardInterrupt:
    # During the imports, or after the command.
    sys.exit(128 + signal.SIGINT)
finally:
    # The interpreter would search all modules for cycles before it ends.
    gc.freeze()
