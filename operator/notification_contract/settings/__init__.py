"""The settings sections of the operator and their descriptions. Pure."""
