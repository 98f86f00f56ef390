"""The commands for the repository, which need no stack."""
