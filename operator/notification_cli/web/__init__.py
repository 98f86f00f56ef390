"""The read-only page on 127.0.0.1."""
