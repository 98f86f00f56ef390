"""The state of a stack: its backend and its protection."""
