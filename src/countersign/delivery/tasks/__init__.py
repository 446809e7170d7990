"""Tasks from Monday.com, GitHub or a form."""
