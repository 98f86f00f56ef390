"""What can go wrong on the way to a toolchain, always with the remedy."""

from __future__ import annotations


class ToolchainError(Exception):
    """A program cannot be had; the text names what is missing and what to do about it."""
