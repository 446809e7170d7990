"""Tables that users define."""
