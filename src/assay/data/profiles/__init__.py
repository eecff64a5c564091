"""What data looks like, as small mergeable JSON."""
