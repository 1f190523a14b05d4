"""PostgreSQL, the permanent record: accounts, rooms, memberships, history, sessions.

Every query is a named one in ``queries/*.sql``; no other package speaks SQL. A database
that cannot be reached, or not in time, is always ``Refusal("unavailable")``.
"""
