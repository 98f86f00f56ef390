"""The notification platform as Pulumi components: cluster, CRD, permissions, operator.

Each component is imported on first access: other processes import only names and settings from this package and save the
second that the import of the Kubernetes classes takes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platform_infra.bundle import Bundle
    from platform_infra.cluster import Cluster
    from platform_infra.component import NotificationPlatform
    from platform_infra.settings.model import Settings
    from platform_infra.settings.reader import SettingsError, load_settings

__all__ = ["Bundle", "Cluster", "NotificationPlatform", "Settings", "SettingsError", "load_settings"]

_MODULES = {
    "Bundle": "bundle",
    "Cluster": "cluster",
    "NotificationPlatform": "component",
    "Settings": "settings.model",
    "SettingsError": "settings.reader",
    "load_settings": "settings.reader",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the components
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
