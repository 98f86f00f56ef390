"""The configuration of the process, read once at startup from a file and the environment."""
