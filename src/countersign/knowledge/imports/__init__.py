"""CSV, JSON and Excel files into ouvrages and dynamic tables."""
