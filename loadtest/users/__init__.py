"""People of the load test, as Locust users.

``locustfile`` is the chat day: ``reader``, ``talker``, ``commuter`` and ``newcomer``; ``big_room``
and ``idle`` are locustfiles of their own. A ``person`` has a ``connection``, which keeps a
``place`` in its room; ``town`` has the accounts and rooms that all share, ``records`` what was
measured. ``run`` starts Locust for ``scripts/loadtest``.

Locust patches the standard library for gevent as soon as it is imported. Only a process of
Locust's may import anything here except ``run`` and ``place``.
"""
