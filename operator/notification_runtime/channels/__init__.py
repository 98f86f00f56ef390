"""The channels, one module each; they do not import each other."""
