"""Documents: texts cut into passages that can be found and opened."""
