"""Start the command line: `python -m tools.platform`."""

from tools.platform.cli import app
from tools.platform.processes import terminated_as_interrupted

with terminated_as_interrupted():
    app(prog_name="notif-platform")
