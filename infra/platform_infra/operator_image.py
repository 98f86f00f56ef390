"""The former module of the image provider.

Pulumi stores a provider as a pickle with the name of its module, and deletes a resource with the stored provider. The
state of a stack that was last updated before the move to `platform_infra.image` contains this name.
"""

from platform_infra.image.operator_image import OperatorImageProvider

__all__ = ["OperatorImageProvider"]
