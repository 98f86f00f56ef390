"""A cluster of `kind` on this machine, which the `kind` command creates and deletes."""
