"""`python -m feature_collapse` is the command `feature-collapse`."""

from feature_collapse.cli import main

main()
