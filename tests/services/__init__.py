"""The real programs that tests run against: PostgreSQL, Chromium, Node."""
