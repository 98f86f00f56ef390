"""Serves the component until the engine ends the process."""

from typing import Final

from pulumi.provider.experimental import component_provider_host

from platform_infra import NotificationPlatform
from platform_infra.names import PROJECT

NAMESPACE: Final = "kubernaut"
"""The publisher: the SDK for Node.js is `@kubernaut/notification-platform`, that for Python `kubernaut_notification_platform`."""
VERSION: Final = "0.1.0"

if __name__ == "__main__":
    component_provider_host(
        name=PROJECT, components=[NotificationPlatform], namespace=NAMESPACE, version=VERSION
    )
