"""The error of the toolchain; its message always contains the next step."""

from __future__ import annotations


class ToolchainError(Exception):
    """A program is not available; the message names it and the next step."""
