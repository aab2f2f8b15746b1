"""Provoked faults on real processes: what was promised holds, and readiness says what does not."""
