"""The Pulumi program: loads the settings, creates the bundle and exports its outputs."""

import sys
from pathlib import Path

# The contract with the operator is in operator/; an environment made by `pulumi install` does not contain it.
sys.path.append(str(Path(__file__).resolve().parents[1] / "operator"))

import pulumi

from platform_infra import Bundle, load_settings

for name, value in Bundle("platform", settings=load_settings()).outputs().items():
    pulumi.export(name, value)
