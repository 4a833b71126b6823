"""The API for assistants, as tools of the Model Context Protocol: `vayu mcp`. A client of the API and nothing more."""
