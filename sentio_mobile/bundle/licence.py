"""The licence that a model is given out under, by its SPDX identifier."""

from __future__ import annotations

import re

from sentio_mobile.errors import InputError

UNKNOWN = "unknown"
"""What stands where nobody has said."""

_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")

_HUB = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "zlib", "unlicense", "bsl-1.0", "artistic-2.0"),
        *("mpl-2.0", "epl-2.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "osl-3.0", "afl-3.0"),
        *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
        *("cc-by-nc-nd-4.0", "cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0", "cc-by-nc-sa-3.0", "cc-by-nc-nd-3.0"),
        *("cdla-permissive-2.0", "cdla-sharing-1.0", "openrail", UNKNOWN, "other"),
    }
)
"""Identifiers that the Hugging Face Hub knows; under any other it wants `other` with a name."""


def licence_id(text: str) -> str:
    """The text, when it has the shape of an SPDX identifier.

    Whether SPDX lists it is not asked: licences of one's own (`LicenseRef-...`) are fine.

    Raises:
        InputError: it has not.
    """
    if not _SHAPE.fullmatch(text):
        raise InputError(
            f"{text!r:.80} is no licence identifier; give one of SPDX's, such as Apache-2.0 or CC-BY-NC-4.0 "
            "(letters, digits, dot, plus, hyphen)"
        )
    return text


def hub_fields(licence: str) -> dict[str, str]:
    """The licence as the front matter of a card on the Hugging Face Hub has it."""
    small = licence.lower()
    return {"license": small} if small in _HUB else {"license": "other", "license_name": licence}
