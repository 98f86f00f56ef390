"""Generated notifications and routing documents, through the schema, the API server and the whole operator."""
