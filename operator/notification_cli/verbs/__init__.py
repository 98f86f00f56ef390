"""The work of the verbs."""
