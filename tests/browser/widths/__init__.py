"""Every page in every window, full of long data."""
