"""The page of the explorer, served by bokeh; what it shows comes from the files above this folder."""
