"""The images of the local cluster: `ensure_images()` gives the tags of base and node."""

from tools.localcluster.image.commands import NodeImageError
from tools.localcluster.image.images import Images, ensure_images

__all__ = ["Images", "NodeImageError", "ensure_images"]
