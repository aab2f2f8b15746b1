"""Pure building blocks: no database, no HTTP framework, no settings."""
