"""Errors of the local node; each message names the failed part and the next step."""

from __future__ import annotations


class LocalNodeError(Exception):
    """The node cannot be created, is not ready in time, or cannot be deleted."""
