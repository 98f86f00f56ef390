"""The component package: serves the platform's component to programs in every Pulumi language."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "infra"), str(ROOT / "operator")]

from pulumi.provider.experimental import component_provider_host  # noqa: E402 - needs the path above

from platform_infra import NotificationPlatform  # noqa: E402 - needs the path above
from platform_infra.names import PROJECT  # noqa: E402 - needs the path above

if __name__ == "__main__":
    component_provider_host(name=PROJECT, components=[NotificationPlatform])
