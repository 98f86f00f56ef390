"""One HTTP exchange with a receiver, and the addresses that it may go to."""
