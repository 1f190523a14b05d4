"""Why a run did not happen, or ended early."""

from __future__ import annotations


class CannotRunError(Exception):
    """There is nothing to measure; the message is one sentence for the person at the terminal."""


class StoppedError(Exception):
    """The person at the terminal asked to stop before there was anything to count."""
