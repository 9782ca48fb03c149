"""The whole catalog: glaciers, sources of scenes, and profiles of the study."""

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from gdiv.catalog.entries import CatalogError, Entry
from gdiv.catalog.glacier import Glacier
from gdiv.catalog.source import Source

__all__ = ["REQUIRED_MATCHERS", "Catalog", "Profile"]

#: Matchers that every study compares: the matcher that labels the training pairs, the network, and
#: the matcher on which the error estimates are based.
REQUIRED_MATCHERS = ("horn-schunck", "raft", "dis")


class Profile(Entry):
    """Extent of a study: its scenes and pairs, and the length of the training."""

    label: str = Field(description="name of the profile")
    source: str = Field(description="key in sources; the default source of the profile")
    usable_scenes: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        description="number of clear scenes that the twin renders in each season year"
    )
    pairing: Literal["glacier", "paper"] = Field(
        "glacier",
        description="glacier: the pairing rule of the glacier; paper: every pair of two seasons",
    )
    max_pairs: PositiveInt | None = Field(
        None,
        description="maximum number of pairs per set (training, validation); null for no limit",
    )
    tile: Annotated[int, Field(ge=64, le=1024, multiple_of=8)] = Field(
        256, description="side of a training tile, pixels"
    )
    train_steps: PositiveInt = Field(description="steps of fine-tuning")
    batch: PositiveInt = Field(4, description="samples per step of fine-tuning")
    matchers: list[str] = Field(
        description="names of registered matchers, including horn-schunck, raft and dis"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="seed of all random numbers")

    @model_validator(mode="after")
    def _check_matchers(self) -> Self:
        """Check that the required matchers are compared."""
        missing = set(REQUIRED_MATCHERS) - set(self.matchers)
        if missing:
            raise ValueError(
                f"add {', '.join(sorted(missing))} to matchers; every study compares them"
            )
        return self


#: Key of a glacier, also used as the name of a folder.
Key = Annotated[str, Field(pattern=r"^[\w][\w-]*$")]


class Catalog(Entry):
    """Content of a catalog file."""

    glaciers: Annotated[dict[Key, Glacier], Field(min_length=1)] = Field(
        description="glaciers by key"
    )
    sources: Annotated[dict[str, Source], Field(min_length=1)] = Field(
        description="sources of scenes by key"
    )
    profiles: Annotated[dict[str, Profile], Field(min_length=1)] = Field(
        description="profiles of the study by key"
    )

    @model_validator(mode="after")
    def _check_sources_of_profiles(self) -> Self:
        """Check that the source of each profile exists."""
        for name, profile in self.profiles.items():
            if profile.source not in self.sources:
                raise ValueError(
                    f"profiles.{name}.source is {profile.source!r}; "
                    f"allowed: {', '.join(self.sources)}"
                )
        return self

    def pick(self, kind: Literal["glaciers", "sources", "profiles"], name: str) -> Any:
        """Select an entry by its key.

        Parameters
        ----------
        kind : {"glaciers", "sources", "profiles"}
            Section of the catalog that contains the entry.
        name : str
            Key of the entry.

        Returns
        -------
        Glacier, Source or Profile
            The entry.

        Raises
        ------
        CatalogError
            If there is no such entry; the message lists those that exist.
        """
        entries = getattr(self, kind)
        if name not in entries:
            similar = difflib.get_close_matches(name, entries, n=1)
            hint = f" Did you mean {similar[0]!r}?" if similar else ""
            raise CatalogError(
                f"no {kind.removesuffix('s')} {name!r} in the catalog; "
                f"choose from: {', '.join(entries)}.{hint}"
            )
        return entries[name]
