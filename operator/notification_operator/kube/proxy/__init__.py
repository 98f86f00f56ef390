"""The proxy for a server, as the environment names it."""
