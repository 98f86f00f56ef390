"""What is wrong with files of notifications, receivers, sources and routing rules."""
