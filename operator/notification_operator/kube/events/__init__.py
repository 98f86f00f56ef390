"""Kubernetes Events: the value, the buffer, and the recorder that posts them."""
