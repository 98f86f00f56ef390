"""The contents of notifications: how many bytes of them are in memory, and their redacted copies."""
