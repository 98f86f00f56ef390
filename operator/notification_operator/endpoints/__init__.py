"""Endpoints: what messages are sent to, when each takes one, and what became of the attempt."""
