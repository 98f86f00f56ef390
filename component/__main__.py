"""Serves the platform's component to programs in every language: a thin shell around platform_infra, which lies beside."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "infra"))

from pulumi.provider.experimental import component_provider_host

from platform_infra import NotificationPlatform
from platform_infra.names import PROJECT

if __name__ == "__main__":
    component_provider_host(name=PROJECT, components=[NotificationPlatform])
