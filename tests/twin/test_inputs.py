"""Requirements of a twin."""

import pytest

from gdiv.imagery.grid import study_grid
from gdiv.twin.scenes import render_twin


def test_a_glacier_without_description_raises_an_error(glacier, tmp_path):
    bare = glacier.model_copy(update={"twin": None})
    with pytest.raises(ValueError, match="no twin description"):
        render_twin(bare, study_grid(glacier.bbox, glacier.epsg), [3], tmp_path)
