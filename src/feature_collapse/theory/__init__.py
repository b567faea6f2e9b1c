"""The paper's definitions and theorems as functions, and results beyond it (R1, R4-R9)."""
