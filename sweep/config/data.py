"""The section `data`: the images, which of them, and how they are split."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sweep.config.section import Section, Seed, known_name
from sweep.data import DATASETS
from sweep.secrets import has_password

Choose = Literal["all", "balanced", "per_class", "first", "random"]
NEEDS_NUMBER = ("first", "random")


def _without_secret(uri: str) -> str:
    """Refused before it is kept or shown: a sweep file is copied, hashed and tracked."""
    if has_password(uri):
        raise PydanticCustomError(
            "sentence",
            "credentials don't belong into a path or an endpoint: leave them to the environment "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a role)",
        )
    return uri


class StorageOptions(Section):
    """How a bucket is reached. Credentials come from the environment alone."""

    endpoint_override: str | None = Field(
        default=None,
        description="the server of s3://, such as http://HOST:PORT; null: AWS_ENDPOINT_URL, "
        "else Amazon's",
    )
    region: str | None = Field(
        default=None, description="the bucket's region; null: AWS_REGION, else found out"
    )
    anonymous: bool = Field(default=False, description="ask without credentials")

    @field_validator("endpoint_override")
    @classmethod
    def _no_secret(cls, endpoint: str | None) -> str | None:
        return None if endpoint is None else _without_secret(endpoint)


class DataConfig(Section):
    """The images, which of them, and how they are split."""

    name: str = Field(default="digits", description="a data set: see `idsweep list datasets`")
    path: str | None = Field(
        default=None,
        description="the folder of the data set's files, or for arrow and parquet also a file, "
        "s3://... or gs://...; null for embedded sets",
    )
    image_column: str = Field(
        default="image", min_length=1, description="the column of images (hf, arrow, parquet)"
    )
    label_column: str = Field(
        default="label", min_length=1, description="the column of labels (hf, arrow, parquet)"
    )
    image_shape: tuple[int, int, int] | None = Field(
        default=None,
        description="channels, height and width of images stored as flat lists of pixels; "
        "null: the files say it",
    )
    storage_options: StorageOptions = StorageOptions()
    num_drawn: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="images to draw, those held out included (concepts); null: 4,000. More keep "
        "those that were there",
    )
    image_size: int | None = Field(
        default=None,
        ge=32,
        le=224,
        description="side in pixels of the images to draw (concepts); null: 32",
    )
    free_factors: int | None = Field(
        default=None,
        ge=1,
        description="how many continuous factors vary from image to image (concepts): the "
        "latent dimension. The others stay at their middle, discrete ones as in the first image; "
        "null: all vary",
    )
    test_fraction: float = Field(
        default=0.25,
        ge=0,
        lt=1,
        description="share of each class held out for testing, where the data set has no test "
        "split of its own; 0, for a profile alone: none. Of broden nothing is held out",
    )
    seed: Seed = Field(default=0, description="seed of the split, of `choose` and of drawing")
    classes: list[str] | None = Field(
        default=None,
        min_length=1,
        description="keep only these classes; they keep their index among all classes",
    )
    choose: Choose = Field(
        default="all",
        description="which images of train, and likewise of test: all; first: the first "
        "num_images; random: num_images drawn; balanced: equally many of each class, as many as "
        "num_images and the rarest class allow; per_class: images_per_class drawn of each class, "
        "or all of a rarer one",
    )
    num_images: int | None = Field(
        default=None, ge=1, description="for first, random and balanced: images of each split"
    )
    images_per_class: int | None = Field(
        default=None, ge=1, description="for per_class: images of each class in each split"
    )
    max_bad_images: int = Field(
        default=0,
        ge=0,
        description="images that may be corrupt or without a valid label; so many are left out, "
        "more are an error",
    )
    max_duplicates: int | None = Field(
        default=None,
        ge=0,
        description="images that may equal an earlier one to the bit; null: any number. They are "
        "counted and named, and stay in",
    )
    allow_empty_classes: bool = Field(
        default=True,
        description="whether a class may have no image in a split (a part of a large set often "
        "has such); they are counted and named",
    )
    partition_rows: int = Field(
        default=1024, ge=1, description="images in one Arrow partition; changes no result"
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("data set", name, DATASETS)

    @field_validator("path")
    @classmethod
    def _found_again(cls, path: str | None, info: ValidationInfo) -> str | None:
        """A local path is kept whole: the sweep may be looked at from another folder."""
        if path is not None:
            _without_secret(path)
        name = info.data.get("name")
        if name is None:  # unknown, and said so already
            return path
        data = DATASETS[name]
        if not path:
            if data.files:
                raise PydanticCustomError(
                    "sentence",
                    "{name} needs a path (--set data.path=FOLDER): {files}",
                    {"name": name, "files": data.files},
                )
            return None
        if not data.files:
            raise PydanticCustomError(
                "no_path", "{name} is embedded: leave the path out", {"name": name}
            )
        if "://" in path:
            if not data.remote:
                raise PydanticCustomError(
                    "local_path",
                    "{name} is read from local files: copy them, or put them into parquet",
                    {"name": name},
                )
            return path
        return os.path.abspath(os.path.expanduser(path))

    @field_validator("num_drawn", "image_size", "free_factors")
    @classmethod
    def _goes_with_drawing(cls, number: int | None, info: ValidationInfo) -> int | None:
        """Filled in for sets that are drawn, so that naming the usual changes nothing."""
        name = info.data.get("name")
        if name is None:  # unknown, and said so already
            return number
        if not DATASETS[name].drawn:
            if number is not None:
                drawn = " or ".join(known for known, data in DATASETS.items() if data.drawn)
                raise PydanticCustomError(
                    "not_drawn",
                    "{name} isn't drawn: leave it out, or take {drawn}",
                    {"name": name, "drawn": drawn},
                )
            return None
        from sweep.data.concepts.factors import NUM_CONTINUOUS

        usual = {"num_drawn": 4000, "image_size": 32, "free_factors": NUM_CONTINUOUS}
        if number is None:
            return usual[str(info.field_name)]
        if info.field_name == "free_factors" and number > NUM_CONTINUOUS:
            raise PydanticCustomError(
                "too_many", "there are {most} continuous factors", {"most": NUM_CONTINUOUS}
            )
        return number

    @field_validator("image_shape")
    @classmethod
    def _is_image(cls, shape: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        if shape is not None and (shape[0] not in (1, 3) or min(shape) < 1):
            raise PydanticCustomError("shape", "must be 1 or 3 channels, height, width")
        return shape

    @field_validator("num_images")
    @classmethod
    def _number_for_choice(cls, number: int | None, info: ValidationInfo) -> int | None:
        choose = info.data.get("choose")
        if number is None and choose in NEEDS_NUMBER:
            raise PydanticCustomError("needed", "choose: {choose} needs it", {"choose": choose})
        if number is not None and choose in ("all", "per_class"):
            raise PydanticCustomError(
                "unused",
                "choose: {choose} takes none; say first, random or balanced",
                {"choose": choose},
            )
        return number

    @field_validator("images_per_class")
    @classmethod
    def _number_per_class(cls, number: int | None, info: ValidationInfo) -> int | None:
        choose = info.data.get("choose")
        if (number is None) == (choose == "per_class"):
            raise PydanticCustomError(
                "per_class",
                "goes with choose: per_class, and choose is {choose}",
                {"choose": choose},
            )
        return number
