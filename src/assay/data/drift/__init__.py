"""How far data moved between two profiles."""
