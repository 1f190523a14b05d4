"""Pages and JSON: one page or resource per file, each with its own route table."""
