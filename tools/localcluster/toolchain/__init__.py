"""Every program that the platform needs: `ensure()` finds, downloads or builds them and returns a Toolchain.

Standard library only, because it runs before the virtual environment exists.
"""

from tools.localcluster.toolchain.layout import Toolchain, cache_dir
from tools.localcluster.toolchain.resolve import ensure
from tools.localcluster.toolchain.sources.pins import ToolchainError

__all__ = ["Toolchain", "ToolchainError", "cache_dir", "ensure"]
