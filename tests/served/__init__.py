"""Real server processes: how they start, stop and recover."""
