"""The bytes of files: where they lie, and what becomes of pictures before they lie there.

What is known of a file (whose it is, which message carries it) is in ``storage/files.py``.
"""
