"""The stages: one module each, imported only where that stage runs."""
