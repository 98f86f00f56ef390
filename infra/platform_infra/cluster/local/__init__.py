"""A Kubernetes node in a container on this machine, as a resource of the stack."""
