"""How a planned try reaches its receiver, and what came of it."""
