"""Ouvrages: the price library, its tree, its compositions and their exact cost."""
