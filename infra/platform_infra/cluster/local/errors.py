"""What can go wrong with a local node, in words that name the part and the remedy."""

from __future__ import annotations


class LocalNodeError(Exception):
    """The node cannot be made, is not ready in time, or cannot be removed."""
