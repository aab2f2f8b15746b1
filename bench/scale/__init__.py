"""What a large installation costs: filling a database, and walking over every page of it."""
