"""The Docker daemon and the node container."""
