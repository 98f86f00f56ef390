"""The Pulumi program: loads the settings, creates the bundle and exports its outputs."""

import gc
import signal
import sys
from pathlib import Path

# The engine interrupts a program that it cancels; a traceback would hide what it says about the resources.
signal.signal(signal.SIGINT, signal.SIG_DFL)
# It takes a fifth of the program's time, and the program ends in seconds.
gc.disable()
# The contract with the operator is in operator/; an environment made by `pulumi install` does not contain it.
sys.path.append(str(Path(__file__).resolve().parents[1] / "operator"))

import pulumi  # noqa: E402 - after the signal is handled

from platform_infra import Bundle, load_settings  # noqa: E402 - after the path is complete

for name, value in Bundle("platform", settings=load_settings()).outputs().items():
    pulumi.export(name, value)

# The interpreter would search all modules for cycles before it ends.
gc.freeze()
