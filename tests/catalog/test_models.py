"""Look up catalog entries."""

import pytest

from gdiv.catalog import CatalogError, load_catalog


def test_an_unknown_name_raises_an_error_that_lists_all():
    with pytest.raises(CatalogError, match="mer-de-glace, argentiere.*Did you mean 'aletsch'"):
        load_catalog().pick("glaciers", "aletch")
