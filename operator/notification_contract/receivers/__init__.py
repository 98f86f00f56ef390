"""NotificationReceiver: where notifications can go, as a typed spec, and the keys of their targets. Pure."""
