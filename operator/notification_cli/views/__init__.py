"""What the verbs and the web page show, computed from objects. Pure."""
