"""The explorer: a page on which collapse forms, breaks and is repaired, with a proof beside the picture.

The files at this level need no browser and no bokeh: what may be chosen (`choice`), where to begin
(`presets`), the run under way (`live`), its points and numbers (`plane`, `measurement`), what is proved and
predicted beside it (`beside`, `phase_map`), a table of one's own (`own_data`). The page is in `page/`.
"""
