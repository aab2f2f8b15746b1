"""The files of deploy/ and the container, without Docker."""
