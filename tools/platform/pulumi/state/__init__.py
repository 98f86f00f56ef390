"""The state of a stack: its backend, its protection, its locks, and what it records."""
