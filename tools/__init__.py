"""The verbs that work on this repository, one a file; run from the repository root."""
