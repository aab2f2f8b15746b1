"""Tables for looking back."""
