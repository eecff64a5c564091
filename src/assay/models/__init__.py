"""The model on disk and its rows: saved, loaded, described, coerced."""
