"""The images of the local cluster: `ensure_images()` gives the tags of base and node."""

from tools.node.commands import NodeImageError
from tools.node.images import Images, ensure_images

__all__ = ["Images", "NodeImageError", "ensure_images"]
