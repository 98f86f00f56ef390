"""Settings: read once at start, from a file and the environment."""
