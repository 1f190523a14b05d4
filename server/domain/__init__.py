"""What a chat is: pure values and rules, no I/O, no clock, no event loop."""
