"""Redis, the single source of room state: the only package that speaks to it."""
