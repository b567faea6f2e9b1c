"""HTML pages and tables made from records, sweeps and measurements."""
