"""The programs that work on this repository: the platform's commands, the local cluster, generated text."""
