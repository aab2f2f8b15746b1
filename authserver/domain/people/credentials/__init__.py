"""Ways to prove who you are, one file each."""
