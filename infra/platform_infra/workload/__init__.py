"""The operator in the cluster: Deployment, configuration, permissions, network policy."""
