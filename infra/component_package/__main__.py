"""The component package: serves the platform's component to programs in every Pulumi language."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "infra"), str(ROOT / "operator")]

from pulumi.provider.experimental import component_provider_host  # noqa: E402 - needs the path above

from platform_infra import NotificationPlatform  # noqa: E402 - needs the path above
from platform_infra.names import PROJECT  # noqa: E402 - needs the path above

NAMESPACE = "kubernaut"
"""The publisher: the SDK for Node.js is `@kubernaut/notification-platform`, that for Python `kubernaut_notification_platform`."""

if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    component_provider_host(
        name=PROJECT, components=[NotificationPlatform], namespace=NAMESPACE, version=project["version"]
    )
