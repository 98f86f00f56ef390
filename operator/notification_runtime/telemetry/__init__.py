"""Metrics, probes and logs of the process."""
