"""Brings data from outside the project's folder here: addresses of any kind, and DVC."""
