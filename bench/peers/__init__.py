"""Other servers that are measured beside ours, each with its own program and packages."""
