"""Run one notebook of a study, unless its results are up to date."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gdiv.files import remove, write_json
from gdiv.imagery.items import NOTICE
from gdiv.study import claims, dependencies
from gdiv.study.execution import announce, environment, run_notebook
from gdiv.study.integrity import RECORD, describe_damage, measure_size, read_state
from gdiv.study.results import locate
from gdiv.study.resumable import ATTEMPT
from gdiv.study.study import Study
from gdiv.study.time_left import TimeLeft

__all__ = ["Notebook"]


@dataclass
class Notebook:
    """One notebook of a run: its parameters, and the record of its last success in ``run.json``.

    Attributes
    ----------
    path : Path
        Notebook without outputs.
    study : Study
        The study.
    folder : Path
        Folder of the run.
    common, own : dict
        Parameters that all notebooks take, and those of this one.
    matchers_hash : str
        Hash of the sources of matchers outside gdiv, if the notebook compares matchers.
    time_left : TimeLeft
        Notebooks of the run that are waiting.
    """

    path: Path
    study: Study
    folder: Path
    common: dict[str, str]
    own: dict[str, Any]
    matchers_hash: str
    time_left: TimeLeft

    @property
    def number(self) -> str:
        """Number of the notebook, two digits."""
        return self.path.name[:2]

    def bring_up_to_date(self, forced: bool) -> None:
        """Run the notebook unless it is up to date, and print the time taken.

        Parameters
        ----------
        forced : bool
            Run it even if it is up to date.

        Raises
        ------
        RunError
            At the first cell that fails.
        """
        state = read_state(self.folder)
        signatures = dependencies.signatures(self.study)
        past = state.get(self.number, {})
        if not forced and self._is_current(past, state, signatures):
            print(f"{self.path.stem}: up to date (took {past['seconds']:.0f} s)")
            self.time_left.skip(self.number)
            return
        print(f"{self.path.stem} ...", flush=True)
        state.pop(self.number, None)  # its results are about to be overwritten
        self._write_state(state)
        claims.forget_claims(self.folder, past.get("claims", []))
        others = set(claims.read_claims(self.folder))
        attempt = "" if forced else self._attempt(state, signatures)
        with environment(**{ATTEMPT: attempt or None}):
            seconds, reads, outputs = run_notebook(self.path, self.folder, self.common | self.own)
        state.pop("about", None)
        if self.study.synthetic:
            announce(self.folder / "notebooks" / self.path.name, NOTICE)
            state["about"] = NOTICE
        if self.study.source.kind == "twin":  # scenes were rendered by the first notebook
            signatures = dependencies.signatures(self.study)
        self._remove(set(past.get("outputs", [])) - set(outputs))
        reads = [name for name in reads if name not in outputs]
        made = sorted(set(claims.read_claims(self.folder)) - others)
        state[self.number] = {
            "fingerprint": self._fingerprint(state, reads, signatures),
            "seconds": round(seconds, 1),
            "reads": reads,
            "outputs": [*outputs, f"notebooks/{self.path.name}"],
            "measures": {
                name: measure_size(locate(self.folder, name))
                for name in outputs
                if name.startswith("data/")
            },
            "claims": made,
        }
        self._write_state(state)
        for name in outputs:  # record the finished results
            (self.folder / name).with_suffix(".journal.json").unlink(missing_ok=True)
        left = self.time_left.finish(self.number, seconds)
        print(f"{self.path.stem}: {seconds:.0f} s{left and f'; {left}'}", flush=True)

    def is_stale(self) -> bool:
        """Check whether the inputs of the notebook have changed since its last success.

        Returns
        -------
        bool
            False if it has never succeeded.
        """
        state = read_state(self.folder)
        past = state.get(self.number, {})
        signatures = dependencies.signatures(self.study)
        return "reads" in past and not self._has_same_inputs(past, state, signatures)

    def _attempt(self, state: dict[str, Any], signatures: dict[str, str]) -> str:
        """Hash of all possible inputs of the notebook, whether or not it reads them."""
        earlier = {
            number: entry["fingerprint"]
            for number, entry in state.items()
            if number < self.number and "fingerprint" in entry
        }
        return dependencies.recipe_hash(self._base(), signatures, earlier)

    def _is_current(
        self, past: dict[str, Any], state: dict[str, Any], signatures: dict[str, str]
    ) -> bool:
        """Check that the results of the last success exist and their inputs have not changed."""
        if "reads" not in past:  # never run, or by an earlier version
            return False
        if not all(locate(self.folder, output).exists() for output in past["outputs"]):
            return False
        for name, recorded in past.get("measures", {}).items():
            fault = describe_damage(locate(self.folder, name), recorded)
            if fault:
                print(f"{name} is damaged: {fault}; it will be recomputed")
                return False
        return self._has_same_inputs(past, state, signatures)

    def _has_same_inputs(
        self, past: dict[str, Any], state: dict[str, Any], signatures: dict[str, str]
    ) -> bool:
        """Check that no input has changed since the last success."""
        return bool(past["fingerprint"] == self._fingerprint(state, past["reads"], signatures))

    def _fingerprint(
        self, state: dict[str, Any], reads: list[str], signatures: dict[str, str]
    ) -> str:
        """Fingerprint of all inputs of the notebook."""
        base = self._base()
        return dependencies.fingerprint(self.study, state, base, reads, signatures, self.number)

    def _base(self) -> str:
        """Hash of the notebook and of the dependencies common to all notebooks."""
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return dependencies.recipe_hash(
            dependencies.shared_hash(self.study),
            [cell["source"] for cell in cells],
            self.own,
            self.matchers_hash,
        )

    def _remove(self, outputs: set[str]) -> None:
        """Remove earlier results that this run did not make, such as those of a dropped matcher."""
        for name in outputs - {f"notebooks/{self.path.name}"}:
            remove(locate(self.folder, name))

    def _write_state(self, state: dict[str, Any]) -> None:
        """Write ``run.json``."""
        write_json(self.folder / RECORD, state)
