"""The certified solver: a global minimiser with a proof of how near it is."""
