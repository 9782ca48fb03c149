"""Open a study: resolve its glacier, profile, source and matchers, and prepare its folder."""

from collections.abc import Sequence
from pathlib import Path

from gdiv.catalog import (
    REQUIRED_MATCHERS,
    CatalogError,
    Glacier,
    Pairing,
    Profile,
    Source,
    load_catalog,
)
from gdiv.files import redacted
from gdiv.flow.matchers.registry import UnknownMatcherError, list_matchers
from gdiv.imagery.file_source import adapt_to_items
from gdiv.study.cluster import connect
from gdiv.study.study import Study
from gdiv.study.workspace import default_workspace, prepare, split_source

__all__ = ["open_study", "resolve_matchers", "resolve_source", "with_paper_pairing"]


def open_study(
    glacier: str,
    profile: str = "demo",
    source: str = "",
    workspace: str = "",
    matchers: str | Sequence[str] = "",
) -> Study:
    """Open a study.

    Parameters
    ----------
    glacier : str
        Key of a glacier in the catalog.
    profile : str, optional
        Key of a profile: ``"smoke"``, ``"demo"``, ``"full"`` or ``"paper"``.
    source : str, optional
        Key of a source, an ItemCollection file or the URL of a STAC API; the source of the profile
        if empty. With KEY@FILE or KEY@URL, assets are named as in the source KEY of the catalog.
    workspace : str, optional
        Folder of the run; ``runs/GLACIER-PROFILE`` if empty.
    matchers : str or sequence of str, optional
        Names of the matchers to compare, separated by commas; those of the profile if empty.

    Returns
    -------
    Study
        Facts, and access to named results.

    Raises
    ------
    CatalogError
        If a glacier, profile, source or matcher is unknown; the message lists those that exist.
    StudyError
        If the folder, or the cluster given by ``DASK_SCHEDULER_ADDRESS``, cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> study = open_study("mer-de-glace", "smoke", workspace=tempfile.mkdtemp())
    >>> study.subject
    'synthetic Mer de Glace'
    """
    catalog = load_catalog()
    entry = catalog.pick("glaciers", glacier)
    chosen = catalog.pick("profiles", profile)
    if matchers:
        chosen = chosen.model_copy(update={"matchers": resolve_matchers(matchers)})
    else:
        resolve_matchers(chosen.matchers)
    if chosen.pairing == "paper":
        entry = with_paper_pairing(entry, glacier, profile)
    # Relative paths of sources refer to the current folder, as in a shell.
    resolved = resolve_source(source, chosen)
    folder = Path(workspace) if workspace else default_workspace(glacier, profile, source)
    if resolved.kind == "twin":
        _check_twin(glacier, entry)
    connect()
    prepare(folder)
    return Study(glacier, profile, source, folder, entry, chosen, resolved)


def _check_twin(glacier: str, entry: Glacier) -> None:
    """Raise a CatalogError unless the twin renders every season year that is compared."""
    if entry.twin is None:
        with_twin = [name for name, other in load_catalog().glaciers.items() if other.twin]
        raise CatalogError(
            f"{glacier} has no twin description; choose one of {', '.join(with_twin)}, "
            f"or a source of real scenes"
        )
    rendered = entry.twin.years
    lacking = sorted(set(entry.years.seasons) - set(rendered))
    if lacking:
        raise CatalogError(
            f"{glacier} compares the season years {', '.join(map(str, lacking))}, which its twin "
            f"does not render; it renders {', '.join(map(str, rendered))}"
        )


def with_paper_pairing(entry: Glacier, glacier: str, profile: str) -> Glacier:
    """Replace the pairing rule of a glacier by that of the paper.

    Parameters
    ----------
    entry : gdiv.catalog.Glacier
        Entry of the catalog.
    glacier, profile : str
        Keys, for the message.

    Returns
    -------
    gdiv.catalog.Glacier
        Entry with the rule.

    Raises
    ------
    CatalogError
        If the glacier is matched within one season.
    """
    if entry.pairing.rule == "interval":
        raise CatalogError(
            f"profile {profile} pairs two seasons like the paper, but {glacier} is matched over "
            f"days within one season; use another profile"
        )
    return entry.model_copy(update={"pairing": Pairing(rule="paper")})


def resolve_matchers(names: str | Sequence[str]) -> list[str]:
    """Split a comma-separated list of matchers and check that each is registered.

    The matchers that every study compares are prepended if they are missing.

    Parameters
    ----------
    names : str or sequence of str
        Names of matchers, separated by commas.

    Returns
    -------
    list of str
        Names without repetition.

    Raises
    ------
    CatalogError
        If a matcher is unknown; the message lists those that exist.
    """
    listed = names.split(",") if isinstance(names, str) else names
    chosen = [name.strip() for name in listed if name.strip()]
    required = [name for name in REQUIRED_MATCHERS if name not in chosen]
    for name in chosen:
        if name not in list_matchers():
            raise CatalogError(str(UnknownMatcherError(name)))
    return list(dict.fromkeys([*required, *chosen]))


def resolve_source(name: str, profile: Profile) -> Source:
    """Resolve a name to a source.

    Parameters
    ----------
    name : str
        Key of the catalog, path of an ItemCollection, URL of a STAC API, KEY@FILE, KEY@URL, or
        empty for the profile's source. Files and services are expected to name their assets like
        Earth Search, unless KEY is given. If a file has no near infrared, another band is matched.
    profile : Profile
        Profile of the study.

    Returns
    -------
    gdiv.catalog.Source
        The source.

    Raises
    ------
    CatalogError
        If there is no such source.
    """
    sources = load_catalog().sources
    if not name or name in sources:
        return sources[name or profile.source]
    if "://" in name and redacted(name) != name:
        raise CatalogError(
            f"the source {redacted(name)} contains a user, a password or a query, which would be "
            f"stored in the results; omit it, and keep the login in ~/.netrc"
        )
    key, location = split_source(name)
    if location.startswith(("http://", "https://")):
        host = location.split("/")[2]
        if not host:
            raise CatalogError(
                f"source {location} has no host; give the landing page of a STAC API"
            )
        change = {"label": host, "kind": "stac", "url": location.rstrip("/")}
        return sources[key or "earth-search"].model_copy(update=change)
    path = Path(location)
    if path.suffix not in (".json", ".geojson"):
        return load_catalog().pick("sources", name)
    if not path.exists():
        raise CatalogError(
            f"source file {location} does not exist; give the path of an ItemCollection, a URL, "
            f"or one of: {', '.join(sources)}"
        )
    change = {
        "label": path.parent.name,
        "kind": "file",
        "path": str(path),
        "licence": "see the source",
    }
    source = sources[key or "twin"].model_copy(update=change)
    return source if key else adapt_to_items(source, path)
