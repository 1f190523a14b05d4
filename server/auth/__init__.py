"""Who is asking: passwords, tokens, form tokens, origins and sessions. Knows no HTTP framework."""
