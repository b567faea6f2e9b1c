"""The risks: empirical (2), (3) and true (5), (10)."""
