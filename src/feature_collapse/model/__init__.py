"""Networks, their weights, normalisers and equiangular frames (paper §2, §3)."""
