"""Routing: which channels a notification goes to. Pure."""
