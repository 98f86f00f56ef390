"""The notification operator: delivers NotificationRequests and records the outcome in their status."""

from typing import Final

__version__: Final = "0.1.0"
"""The version of the distribution, which the image holds without package metadata."""
