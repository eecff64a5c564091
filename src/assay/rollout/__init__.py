"""Taking a version live: what is released, canary traffic, smoke tests, and the steps that tie them together."""
