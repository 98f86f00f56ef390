"""NotificationReceivers in the simulation: their objects, watches, far ends and owners, and the invariants about them."""
