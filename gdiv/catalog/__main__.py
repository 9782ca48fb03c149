"""Write the JSON schema of the catalog beside the catalog."""

from gdiv.catalog.loading import CATALOG_FILE, json_schema

CATALOG_FILE.with_suffix(".schema.json").write_text(json_schema(), encoding="utf-8")
