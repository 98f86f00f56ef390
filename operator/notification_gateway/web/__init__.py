"""The HTTP routes: hooks of sources, and notifications that a caller creates itself."""
