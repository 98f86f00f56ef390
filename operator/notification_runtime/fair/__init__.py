"""Which namespace is next, and what is forgotten first: containers that several parts share."""
