"""The Pulumi program: loads the settings, creates the bundle and exports its outputs."""

import pulumi

from platform_infra import Bundle, load_settings

for name, value in Bundle("platform", settings=load_settings()).outputs().items():
    pulumi.export(name, value)
