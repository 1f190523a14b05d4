"""One replica of the real-time service: sockets, and the rooms that they hear."""
