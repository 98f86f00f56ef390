"""The gateway in the cluster: its account, Deployment, Service, Ingress and network policy."""
