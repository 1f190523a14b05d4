"""Web Push: tells people of messages while no tab of the chat is open."""
