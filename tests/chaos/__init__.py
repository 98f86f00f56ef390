"""Scripted failures around the real operator, an API server and etcd as local processes, with a bookkeeping at the end."""
