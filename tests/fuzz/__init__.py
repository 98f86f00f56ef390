"""Generated notifications, routing documents, Markdown and templates, through the schema, the API server, the whole operator and its render worker."""
