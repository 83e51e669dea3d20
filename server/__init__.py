"""The process: the command, its settings, and HTTP around the schema."""
