"""What pytest leaves to `make docs`, which runs it: the gallery, the notebooks and what is built."""

collect_ignore = ["conf.py", "_ext"]
collect_ignore_glob = ["_build/*", "auto_gallery/*", "gallery/*", "notebooks/*", "reference/*"]
