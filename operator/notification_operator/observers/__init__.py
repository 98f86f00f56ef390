"""Observers of status writes: metrics, log records, Kubernetes Events and audit events."""
