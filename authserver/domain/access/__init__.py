"""What may be done, and where: data that administrators change.

Owns scopes in the words people read, APIs that tokens are for (`resources`, RFC 8707, and their description for
clients, RFC 9728), permission levels of API keys, and route tables for gateways.
"""
