"""The screens on a phone and by night: what the same screens at a desk do not tell."""
