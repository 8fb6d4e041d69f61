"""Settings of an export. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sentio_mobile._internal.records import Name, Record
from sentio_mobile.formats.registry import MAIN_FORMATS
from sentio_mobile.spec import FORMS, Form, Precision

FilePart = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._]*\Z")]
"""A part of file names: letters, digits, dots and _."""
PrecisionsOf = Annotated[
    dict[Name, Annotated[tuple[Precision, ...], Meta(min_length=1, max_length=8)]], Meta(max_length=32)
]
"""Number formats by the name of a format."""


class ExportRecipe(Record, frozen=True, kw_only=True):
    """Which artifacts are made. A precision that a format lacks in a form is left out."""

    formats: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=32)] = MAIN_FORMATS  # formats, by their names
    forms: Annotated[tuple[Form, ...], Meta(min_length=1, max_length=8)] = FORMS  # what an artifact takes in
    precisions: Annotated[tuple[Precision, ...], Meta(min_length=1, max_length=8)] = ("fp32",)  # number formats
    # number formats of single formats, in place of `precisions`
    precisions_of: PrecisionsOf = msgspec.field(default_factory=dict)
    name: FilePart = "emotion"  # the model's name, as files are named
    release: FilePart = "1"  # the model's release, as files are named
    licence: Name = "unknown"  # SPDX identifier of the licence, for the model card
    # layers that int8 and int8-dynamic leave in floating point, by the names that `export --sensitivity` prints
    keep_float: Annotated[tuple[Name, ...], Meta(max_length=1024)] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=86_400)] = 600.0  # longest time of one conversion, in seconds
