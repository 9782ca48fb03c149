"""Sources of scenes: archives, files and the synthetic twin."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from gdiv.catalog.entries import Entry

__all__ = ["Source"]


class Source(Entry):
    """Archive of scenes, and the meaning of its digital numbers."""

    label: str = Field(description="name of the source")
    kind: Literal["twin", "stac", "file"] = Field(
        description="twin: rendered; stac: STAC API; file: ItemCollection"
    )
    url: Annotated[str, Field(pattern=r"^https?://")] | None = Field(
        None, description="landing page of the STAC API"
    )
    path: str | None = Field(None, description="ItemCollection file")
    collection: str = Field(description="identifier of the collection")
    image: str = Field(description="asset that is matched (near infrared)")
    colour: dict[Literal["red", "green", "blue"], str] = Field(
        {}, description="assets of a true-colour image"
    )
    mask: str | None = Field(None, description="asset with the class of each pixel")
    mask_kind: Literal["scl", "qa_pixel", "fmask"] = Field(
        "scl",
        description="classes of the mask; scl: Sentinel-2 scene classification; qa_pixel: bits of "
        "Landsat Collection 2; fmask: bits of HLS",
    )
    scale: PositiveFloat = Field(0.0001, description="reflectance per digital number")
    offset: Literal["flag", "baseline", "raster"] | float = Field(
        "flag",
        description="reflectance to add after scaling: a number, or a rule; flag: 0 if "
        "earthsearch:boa_offset_applied is true, else as baseline; baseline: -0.1 from processing "
        "baseline 04.00 on; raster: offset in raster:bands of the asset, else as baseline",
    )
    nodata: int = Field(0, description="digital number of pixels without data")
    signing: Literal["none", "planetary-computer"] = Field(
        "none", description="service that signs the URLs of assets"
    )
    aligned: bool = Field(
        False,
        description="whether the scenes are already co-registered, so that pairs without stable "
        "ground are used without a correction",
    )
    licence: str = Field(description="licence of the scenes")

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        """Check that a STAC API has a URL."""
        if self.kind == "stac" and not self.url:
            raise ValueError("kind stac needs url: the landing page of the STAC API")
        return self
