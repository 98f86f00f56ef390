"""What operator, infrastructure and clients agree on: names, CRDs, settings and the routing language. Pure."""

from typing import Final

__version__: Final = "0.1.0"
"""The version of the distribution, which the image holds without package metadata."""
