"""`assay init`: a project from a data file, guessed from its rows, with limits from a first training."""
