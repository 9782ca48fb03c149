"""Estimate the time that the remaining notebooks of a run take."""

from collections.abc import Iterable

__all__ = ["TimeLeft"]

#: Seconds per notebook, from the demo on two cores; only their ratios are used.
USUAL_SECONDS = {
    "00": 5, "01": 60, "02": 22, "03": 109, "04": 325, "05": 150, "06": 130, "07": 30, "08": 20,
    "09": 9, "10": 13,
}  # fmt: skip
#: Seconds assumed for any other notebook.
OTHER_SECONDS = 10


class TimeLeft:
    """Time spent on the finished notebooks of a run, and left for the others.

    Parameters
    ----------
    numbers : iterable of str
        Numbers of the notebooks to run.

    Examples
    --------
    >>> time_left = TimeLeft(["01", "02", "03"])
    >>> time_left.finish("01", 70.0)
    'about 3 min left'
    >>> time_left.finish("02", 20.0), time_left.finish("03", 90.0)
    ('about 2 min left', '')
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        self._waiting = dict.fromkeys(numbers)
        self._spent: dict[str, float] = {}

    def skip(self, number: str) -> None:
        """Count a notebook that is up to date as finished.

        Parameters
        ----------
        number : str
            Number of the notebook.
        """
        self._waiting.pop(number, None)

    def finish(self, number: str, seconds: float) -> str:
        """Count a notebook as finished, and estimate the time left.

        Parameters
        ----------
        number : str
            Number of the notebook.
        seconds : float
            Seconds it took.

        Returns
        -------
        str
            Time left at the pace of the notebooks so far, in words; empty after the last notebook.
        """
        self.skip(number)
        if not self._waiting:
            return ""
        self._spent[number] = seconds
        pace = sum(self._spent.values()) / _usual(self._spent)
        left = pace * _usual(self._waiting)
        return "under a minute left" if left < 60 else f"about {left / 60:.0f} min left"


def _usual(numbers: Iterable[str]) -> int:
    """Seconds that some notebooks usually take."""
    return sum(USUAL_SECONDS.get(number, OTHER_SECONDS) for number in numbers)
