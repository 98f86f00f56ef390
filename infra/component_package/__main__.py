"""Serves the platform's component to programs in every language: a thin shell around platform_infra, which lies beside."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "infra"), str(ROOT / "operator")]

from pulumi.provider.experimental import component_provider_host  # noqa: E402 - found by the line above

from platform_infra import NotificationPlatform  # noqa: E402 - likewise
from platform_infra.names import PROJECT  # noqa: E402 - likewise

if __name__ == "__main__":
    component_provider_host(name=PROJECT, components=[NotificationPlatform])
