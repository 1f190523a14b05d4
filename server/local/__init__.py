"""A whole installation on one machine: embedded servers and the launcher behind scripts/run."""
