"""`assay doctor`: what is missing on this machine, and what to do; all looks at once, none longer than five seconds."""
