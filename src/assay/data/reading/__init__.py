"""Reads data: files in well-known formats, or the project's `load`; chunk by chunk, and every mistake explained."""
