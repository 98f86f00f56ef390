"""The notification platform as Pulumi components: cluster, CRD, permissions, operator."""

from platform_infra.bundle import Bundle
from platform_infra.cluster import Cluster
from platform_infra.settings import Settings, SettingsError

__all__ = ["Bundle", "Cluster", "Settings", "SettingsError"]
