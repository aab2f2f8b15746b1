"""docs/security/: what its pages say is compared with the code that it is said of."""
