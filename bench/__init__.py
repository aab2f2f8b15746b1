"""The benchmark: `make bench`. Never part of the suite."""
