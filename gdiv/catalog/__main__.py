"""Write the JSON schema of the catalog next to the catalog file."""

from gdiv.catalog.loading import CATALOG_FILE, json_schema

CATALOG_FILE.with_suffix(".schema.json").write_text(json_schema(), encoding="utf-8")
