"""The ``gdiv`` command."""

from gdiv.command.entry import main as main

__all__ = ["main"]
