"""The error of the operator's image."""

from __future__ import annotations


class ImageError(RuntimeError):
    """The image cannot be built; the message says what to do."""
