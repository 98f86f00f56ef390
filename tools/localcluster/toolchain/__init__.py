"""Every program that the platform needs, found, downloaded or built: `ensure()` gives a Toolchain.

Standard library only, because it runs before there is a virtual environment.
"""

from tools.localcluster.toolchain.errors import ToolchainError
from tools.localcluster.toolchain.layout import Toolchain, cache_dir
from tools.localcluster.toolchain.resolve import ensure

__all__ = ["Toolchain", "ToolchainError", "cache_dir", "ensure"]
