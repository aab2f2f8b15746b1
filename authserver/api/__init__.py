"""For programs, under /v1: one file a resource."""
