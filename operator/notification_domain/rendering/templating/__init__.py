"""Templates: their language, their limits, and where they come from."""
