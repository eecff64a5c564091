"""What people see of a plan and a run: text for terminals, Markdown for CI, HTML for browsers."""
