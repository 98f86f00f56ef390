"""The Kubernetes API: clients, requests, errors, pagination, Leases and Events."""
