"""Rules that relate several settings of a stack. Pure."""
