"""The figures, drawn from records on disk or from the theory, never from a running experiment."""
