"""From Redis to PostgreSQL: drains the streams of all partitions, and says what is saved."""
