"""Stacks that follow git: which of them a commit changes, in which order they are deployed, and which image their files name."""
