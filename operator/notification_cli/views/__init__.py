"""What the commands and the web page show, computed from objects. Pure."""
