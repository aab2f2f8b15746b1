"""The API: /v1, and /demo/v1 in the demo."""
