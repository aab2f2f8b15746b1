"""What `authserver doctor --mcp URL` walks: the way of an MCP client to a token, one module for each thing it meets."""
