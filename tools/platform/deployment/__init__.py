"""Stacks that follow git (DD-GIT-001): which of them a commit changes, in which order they are deployed, and which image they have."""
