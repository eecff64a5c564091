"""What data-validate and monitor know about data: loading, rules, split, profile, drift."""
