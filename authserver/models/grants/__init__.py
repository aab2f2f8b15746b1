"""Tables of what people allowed."""
