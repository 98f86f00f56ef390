"""A mature controller for the same CRD, written in Go, measured on a similar machine: two processors, shared by
API server, etcd, controller and load generator. The figures to compare with. Pure."""

from __future__ import annotations

from typing import Final

AS_SHIPPED: Final = (74.0, 79.0)
"""Notifications per second in a burst of 1,000, range over runs."""
TUNED: Final = (118.0, 150.0)
"""The same, with ten workers."""
CALLS_EACH: Final = 11.8
API_SERVER_SECONDS: Final = 13.0
"""CPU seconds for the burst of 1,000."""
PEAK_MB: Final = 69.0
PACED_P50_MS: Final = (13.0, 18.0)

PROTOTYPE: Final = (373.0, 403.0)
"""Notifications per second in a burst of 1,000 of the prototype (event, queue, one read, one write)."""
