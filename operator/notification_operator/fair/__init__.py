"""Containers that several parts share."""
