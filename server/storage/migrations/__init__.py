"""The road to today's schema, one step a file in ``versions``; steps are never changed."""
