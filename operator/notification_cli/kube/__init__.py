"""The Kubernetes API, with the user's kubeconfig and rights."""
