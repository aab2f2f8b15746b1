"""Protocol endpoints, one file each."""
