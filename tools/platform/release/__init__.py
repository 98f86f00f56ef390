"""A release: prepared as a commit and a tag, published to a registry."""
