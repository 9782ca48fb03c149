"""Load ``data_catalog.yaml`` and merge the user's own catalog into it.

Every fact about a glacier or an archive is in that file. The environment variable
``GDIV_CATALOG`` names a file in the same format, with further entries. ``python -m gdiv.catalog``
writes the JSON schema, which editors use to complete and check entries.
"""

import json
import os
import reprlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gdiv.catalog.entries import CatalogError
from gdiv.catalog.models import Catalog
from gdiv.files import read_text
from gdiv.installation import shipped_path

__all__ = [
    "CATALOG_FILE",
    "OWN_CATALOG",
    "json_schema",
    "load_catalog",
    "own_catalog",
    "read_catalog",
]

#: The built-in catalog.
CATALOG_FILE = shipped_path("data_catalog.yaml")
#: Environment variable with the path of the user's catalog, inherited by the notebooks' kernels.
OWN_CATALOG = "GDIV_CATALOG"
#: Tag of a YAML merge key, ``<<``, whose keys may be overridden.
MERGE_TAG = "tag:yaml.org,2002:merge"


class _UniqueKeys(yaml.SafeLoader):
    """Loader that raises an error on duplicate keys; PyYAML silently keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping after checking that its keys are scalar and unique."""
        names = set()
        for key, _ in node.value:
            if key.tag == MERGE_TAG:
                continue
            name = self.construct_object(key, deep=True)
            line = key.start_mark.line + 1
            if not isinstance(name, str | int):
                raise CatalogError(f"line {line}: {name!r} is not a valid key; use a string")
            if name in names:
                raise CatalogError(f"line {line}: duplicate key {name!r}")
            names.add(name)
        return super().construct_mapping(node, deep)


def read_catalog(text: str) -> Catalog:
    """Parse and check a catalog.

    Parameters
    ----------
    text : str
        Content of a YAML file.

    Returns
    -------
    Catalog
        Its entries, checked.

    Raises
    ------
    CatalogError
        If the text is not YAML or an entry is invalid. The message has one line per fault.
    """
    return _validate(_parse(text, CATALOG_FILE.name), CATALOG_FILE.name)


def _parse(text: str, name: str) -> Any:
    """Parse the YAML text of the file `name`."""
    try:
        return yaml.load(text, _UniqueKeys)
    except CatalogError as error:
        raise CatalogError(f"{name}, {error}") from None
    except RecursionError:
        raise CatalogError(f"{name} is nested too deeply; remove levels") from None
    except yaml.YAMLError as error:
        raise CatalogError(f"{name} is not YAML: {error}") from None


def _validate(content: Any, name: str) -> Catalog:
    """Check the parsed content of the file `name`."""
    try:
        return Catalog.model_validate(content)
    except ValidationError as error:
        # Pydantic may report a fault once for each member of a union; drop duplicates.
        lines = dict.fromkeys(_describe_fault(fault) for fault in error.errors())
        raise CatalogError(f"{name} is not valid:\n  " + "\n  ".join(lines)) from None


def _describe_fault(fault: ErrorDetails) -> str:
    """Describe a fault in one line: key, message, and value unless it is a whole entry."""
    key = ".".join(str(part) for part in fault["loc"]) or "the catalog"
    message = fault["msg"].removeprefix("Value error, ")
    value = "" if isinstance(fault["input"], dict) else f" (value: {reprlib.repr(fault['input'])})"
    return f"{key}: {message}{value}"


def own_catalog() -> Path | None:
    """Return the path of the user's own catalog.

    Returns
    -------
    Path or None
        Absolute path; None unless the environment variable ``GDIV_CATALOG`` is set.

    Raises
    ------
    CatalogError
        If the path begins with ``~`` and there is no home directory.
    """
    name = os.environ.get(OWN_CATALOG)
    if not name:
        return None
    try:
        return Path(name).expanduser().resolve()
    except RuntimeError as error:
        raise CatalogError(f"the catalog {name} cannot be found: {error}") from None


def load_catalog() -> Catalog:
    """Load the built-in catalog, merged with the user's own catalog if there is one.

    Returns
    -------
    Catalog
        Merged catalog. An entry of the user's catalog (environment variable ``GDIV_CATALOG``)
        replaces the built-in entry of the same name entirely.

    Raises
    ------
    CatalogError
        If the user's catalog cannot be read or an entry is invalid.

    Examples
    --------
    >>> load_catalog().glaciers["mer-de-glace"].epsg
    32632
    """
    return _load_merged(own_catalog())


@cache
def _load_merged(own: Path | None) -> Catalog:
    """Load the built-in catalog and merge the catalog `own` into it."""
    built_in = _parse(read_text(CATALOG_FILE), CATALOG_FILE.name)
    if own is None:
        return _validate(built_in, CATALOG_FILE.name)
    added = _read_own(own)
    for glacier in added.get("glaciers", {}).values():
        for name in ("outline", "dem") if isinstance(glacier, dict) else ():
            if isinstance(glacier.get(name), str):
                glacier[name] = _resolve_outline(own, glacier[name])
    merged: dict[str, Any] = dict(built_in)
    for kind, entries in added.items():
        merged[kind] = merged.get(kind, {}) | entries
    return _validate(merged, own.name)


def _read_own(own: Path) -> dict[str, dict[str, Any]]:
    """Read the user's own catalog as mappings of unchecked entries."""
    try:
        content = _parse(read_text(own), own.name)
    except OSError as error:
        raise CatalogError(f"the catalog {own} cannot be read: {error.strerror or error}") from None
    is_map = isinstance(content, dict)
    if not is_map or not all(isinstance(entries, dict) for entries in content.values()):
        kinds = ", ".join(Catalog.model_fields)
        raise CatalogError(f"{own.name} must contain mappings of entries under any of: {kinds}")
    return content


def _resolve_outline(catalog: Path, outline: str) -> str:
    """Resolve the path of an outline relative to its catalog; URLs are left unchanged."""
    return outline if "://" in outline else str(catalog.parent / outline)


def json_schema() -> str:
    """Return the JSON schema of the catalog, for editors.

    Returns
    -------
    str
        JSON text.
    """
    return json.dumps(Catalog.model_json_schema(), indent=1) + "\n"
