"""Who sends a message: shared secrets, signatures, service accounts, OpenID Connect."""
