"""The load test: how fast a Beseda is, measured as its people would feel it.

``__main__`` is the command line of ``scripts/loadtest``; ``scenarios/`` has one file for each
question that may be asked, and ``system`` starts a whole Beseda on throw-away data when no
address is given. A scenario lets a ``crowd`` of thin ``client`` sockets hear what is said at
the times of a ``schedule``; a ``tally`` counts what came, and how late. What was measured is an
``outcome``, which ``report/`` shows and compares.

People who do everything that people do are in ``users/``, and run under Locust.
"""
