"""Assay: ML CI/CD in eight gated stages, the same on a laptop, in CI and on a GPU host."""

__version__ = "0.1.0"
