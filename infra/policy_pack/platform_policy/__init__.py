"""Rules for the Kubernetes objects of a stack: functions over plain data, independent of any SDK."""
