"""Circuit breaker and rate limit as values. Pure."""
