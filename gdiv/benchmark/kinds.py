"""Kinds of cases of the benchmark, and the errors of a wrong choice of them."""

__all__ = ["KINDS", "BenchmarkError", "UnknownCaseError"]

#: Kinds of cases, and what they are.
KINDS = {
    "smooth": "drawn texture, smooth flow, one difference between the dates",
    "drawn": "drawn texture moved by a drawn field of a glacier",
    "moved": "real texture moved by a drawn field of a glacier",
    "published": "real texture moved by a published velocity field of narrow ice",
    "twin": "synthetic twin of a glacier of the catalog",
    "real": "real pair without exact truth",
}


class UnknownCaseError(ValueError):
    """No case or kind of cases has this name; the message lists those that exist."""


class BenchmarkError(ValueError):
    """The benchmark cannot run with these arguments."""
