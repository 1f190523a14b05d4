"""Migrations, oldest first by their ``down_revision``."""
