"""Results and claims in the folder of a study: open, save, record."""

import time
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from gdiv.files import Location, file_sizes
from gdiv.study import claims
from gdiv.study.declared_claims import find_claim, row_claims, row_label
from gdiv.study.facts import Facts
from gdiv.study.integrity import describe_damage, recorded_sizes, update_size
from gdiv.study.journal import log_access
from gdiv.study.results import check_content, find_result, result_path
from gdiv.study.store import move_links, read_result, write_result
from gdiv.study.workspace import StudyError, relative

__all__ = ["SavedResults"]

#: Displacement of the training seasons by matcher.
OTHER_SEASONS = {"horn-schunck": "labels", "dis": "displacement-second-season"}


class SavedResults(Facts):
    """Named results and claims in the folder of a study."""

    def path(self, name: str) -> Location:
        """Return the path of a result, which need not exist yet.

        Parameters
        ----------
        name : str
            Name of a result.

        Returns
        -------
        Path or upath.UPath
            File, or store of a dataset.
        """
        return result_path(self.folder, name)

    def checkpoint(self, name: str) -> Path:
        """Return the path of the state of a training run, from which it resumes.

        Parameters
        ----------
        name : str
            Name of the training run.

        Returns
        -------
        Path
            File.
        """
        return self.folder / "checkpoints" / f"{name}.safetensors"

    def open(self, name: str) -> Any:
        """Open a result.

        Parameters
        ----------
        name : str
            Name of a result.

        Returns
        -------
        xarray.Dataset, pandas.DataFrame, list of dict or Raft
            A lazy dataset, a table, STAC items, or a network.

        Raises
        ------
        StudyError
            If there is no such result, no notebook has made it yet, or it is damaged.
        """
        result = find_result(name)
        path = self.path(name)
        if not path.exists():
            command = f"gdiv run {self.key} --profile {self.profile_key} --only {result.maker}"
            raise StudyError(
                f"the study has no {name!r} yet; run notebook {result.maker} first: {command}"
            )
        recorded = recorded_sizes(self.folder).get(f"data/{path.name}")
        if recorded is not None and (fault := describe_damage(path, recorded)):
            command = f"gdiv run {self.key} --profile {self.profile_key} --only {result.maker}"
            raise StudyError(f"{name!r} is damaged: {fault}; recompute it: {command}")
        log_access("read", f"data/{path.name}")
        value = read_result(path, result.kind)
        if result.kind != "items":
            return value
        log_access("read", "scenes")  # the files that the items link to
        return move_links(value, self.folder / "data", absolute=True)

    def all_pairs(self, matcher: str) -> xr.Dataset:
        """Open the displacement of all pairs of a matcher, from all matched seasons.

        Parameters
        ----------
        matcher : str
            Name of the matcher. Horn-Schunck and DIS match the training seasons as well.

        Returns
        -------
        xarray.Dataset
            ``u``, ``v`` (pixel), ``quality``, ``sigma_u`` and ``sigma_v`` of each pair, lazy.
        """
        years = self.glacier.years
        further = OTHER_SEASONS.get(matcher) if years.train != years.validation else None
        names = [name for name in (further, f"displacement-{matcher}") if name]
        layers = ["u", "v", "quality", "sigma_u", "sigma_v"]
        return xr.concat(
            [self.open(name)[layers] for name in names], "pair", combine_attrs="override"
        )

    def save(self, name: str, value: Any) -> None:
        """Write a result and print its path, size and duration.

        Parameters
        ----------
        name : str
            Name of a result.
        value : xarray.Dataset, pandas.DataFrame, list of dict or Raft
            Value of the kind declared for the name. Writing a lazy dataset resumes after an
            interruption.
        """
        start = time.perf_counter()
        check_content(name, value)
        path = self.path(name)
        kind = find_result(name).kind
        data = self.folder / "data"
        content = move_links(value, data, absolute=False) if kind == "items" else value
        journal = data / f"{name}.journal.json"
        write_result(content, path, kind, self.glacier.crs, self.provenance(), journal)
        log_access("wrote", f"data/{path.name}")
        update_size(self.folder, f"data/{path.name}")
        seconds = time.perf_counter() - start
        size = sum(file_sizes(path)) / 1e6
        shown = relative(path, self.folder) if isinstance(path, Path) else path
        print(f"saved {shown}, {size:.1f} MB, {seconds:.1f} s")

    def record(self, key: str, value: float, **words: str) -> None:
        """Record a declared claim in ``claims.json``.

        Parameters
        ----------
        key : str
            Key of the claim.
        value : float
            Value in the declared unit. A non-finite value removes the claim.
        **words : str
            Words that complete the declared meaning.
        """
        claim = find_claim(key)
        meaning = claim.meaning.format(**words)
        claims.record_claim(self.folder, key, value, claim.unit, meaning)

    def record_rows(self, prefix: str, table: pd.DataFrame) -> None:
        """Record the declared claims of each row of a table.

        Parameters
        ----------
        prefix : str
            First part of the keys.
        table : pandas.DataFrame
            Values by row and column. Fractions are recorded as percentages if the unit is %.
        """
        for name, row in table.iterrows():
            label = row_label(str(name))
            for column, claim in row_claims(prefix).items():
                if column in table:
                    factor = 100 if claim.unit == "%" else 1
                    self.record(f"{prefix}.{label}.{column}", factor * row[column], row=str(name))

    def claims_frame(self, start: str) -> pd.DataFrame:
        """Tabulate claims.

        Parameters
        ----------
        start : str
            Prefix of the keys to list.

        Returns
        -------
        pandas.DataFrame
            One row per claim.
        """
        log_access("read", f"claims/{start}")
        return claims.claims_frame(self.folder, start)
