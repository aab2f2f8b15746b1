"""Tables that every wing stands on."""
