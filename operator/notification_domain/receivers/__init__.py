"""Receivers: which exist, who may use them, how they do. Pure."""
