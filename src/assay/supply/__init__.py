"""What tells others where a model and its image came from: signature, bill of materials, provenance."""
