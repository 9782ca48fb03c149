"""The ``gdiv`` command."""

from gdiv.command.main import main as main

__all__ = ["main"]
