"""Each service of ``python -m server``, put together: one file per kind of process.

``server/__main__.py`` imports the one that it runs, so no process pays for the others.
"""
