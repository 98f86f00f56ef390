"""Heartbeats: senders, replicas of the gateway and of the operator, and one API server, on a virtual clock."""
