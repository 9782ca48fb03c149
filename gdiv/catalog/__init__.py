"""The catalog: glaciers, sources of scenes, and profiles of the study."""

from gdiv.catalog.entries import CatalogError, Pairing, Season
from gdiv.catalog.glacier import (
    Branch,
    Front,
    Glacier,
    Stake,
    TwinConditions,
    TwinDescription,
    Years,
)
from gdiv.catalog.loading import (
    CATALOG_FILE,
    OWN_CATALOG,
    json_schema,
    load_catalog,
    own_catalog,
    read_catalog,
)
from gdiv.catalog.models import REQUIRED_MATCHERS, Catalog, Profile
from gdiv.catalog.source import Source

__all__ = [
    "CATALOG_FILE",
    "OWN_CATALOG",
    "REQUIRED_MATCHERS",
    "Branch",
    "Catalog",
    "CatalogError",
    "Front",
    "Glacier",
    "Pairing",
    "Profile",
    "Season",
    "Source",
    "Stake",
    "TwinConditions",
    "TwinDescription",
    "Years",
    "json_schema",
    "load_catalog",
    "own_catalog",
    "read_catalog",
]
