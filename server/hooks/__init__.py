"""Outgoing webhooks: what is said in a room, told to other services by HTTP."""
