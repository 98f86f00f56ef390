"""Start the command line: `python -m tools.platform`."""

import sys

from tools.platform.output import relayed
from tools.platform.processes import terminated_as_interrupted

# What Pulumi prints may contain secrets.
with relayed(keep=sys.argv[1:2] != ["pulumi"]), terminated_as_interrupted():
    from tools.platform.cli import app

    app(prog_name="notif-platform")
