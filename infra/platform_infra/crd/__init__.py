"""The custom resource definitions in the cluster."""
