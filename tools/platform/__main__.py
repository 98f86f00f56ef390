"""Start the command line: `python -m tools.platform`."""

from tools.platform.cli import app

app(prog_name="python -m tools.platform")
