"""Kinds of benchmark cases, and the errors raised for an invalid choice."""

__all__ = ["KINDS", "BenchmarkError", "UnknownCaseError"]

#: Description of each kind of case.
KINDS = {
    "smooth": "drawn texture, smooth flow, one difference between the dates",
    "drawn": "drawn texture moved by a drawn glacier field",
    "moved": "real texture moved by a drawn glacier field",
    "published": "real texture moved by a published velocity field of narrow ice",
    "twin": "synthetic twin of a glacier of the catalog",
    "real": "real pair without exact truth",
}


class UnknownCaseError(ValueError):
    """No case or kind of cases has this name; the message lists those that exist."""


class BenchmarkError(ValueError):
    """The benchmark cannot run with these arguments."""
