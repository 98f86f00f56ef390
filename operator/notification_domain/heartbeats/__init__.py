"""Heartbeats of sources: when a beat is missing, when the gateway was there to hear it, and the notifications about it. Pure."""
