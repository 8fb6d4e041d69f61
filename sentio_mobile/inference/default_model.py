"""The model that comes with this package, for predictions without a bundle of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.find import is_audio_name
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.inference.songs import find_songs
from sentio_mobile.inference.teacher_model import is_teacher

DEFAULT_MODEL = ROOT / "models" / "default"
"""The folder of its bundle."""


def default_bundle() -> Path:
    """The bundle that comes with this package.

    Raises:
        BundleError: This installation has none.
    """
    if not is_file(DEFAULT_MODEL / MANIFEST):
        raise BundleError("this installation ships no default model; give a bundle, made with `sentio-mobile export`")
    return DEFAULT_MODEL


def bundle_and_songs(places: Sequence[Path]) -> tuple[Path | None, tuple[Path, ...]]:
    """Tell a model from songs: the first place is one if it is a bundle, a probe or a checkpoint.

    Args:
        places: A model or none, and songs or folders of songs after it.

    Returns:
        The model, or None for the default one, and the songs.

    Raises:
        InputError: There is no song, or the first of several places is neither a model nor a song, as a bundle's name
            with a wrong letter is not.
    """
    first, *others = places
    if is_file(first / MANIFEST):
        if not others:
            raise InputError(f"{first}: is a bundle; give songs after it, or folders of songs")
        return first, tuple(others)
    if is_teacher(first):
        if not others:
            raise InputError(f"{first}: is a teacher; give songs after it, or folders of songs")
        return first, tuple(others)
    if others and _is_no_song(first):
        raise InputError(
            f"{first}: is no bundle (no {MANIFEST}) and holds no song; check the name, or make a bundle with "
            "`sentio-mobile export`"
        )
    return None, tuple(places)


def _is_no_song(place: Path) -> bool:
    if place.is_dir():
        found = find_songs([place])
        # A folder that cannot be read is reported as such, later.
        return not found.songs and all("has no song" in fault for fault in found.faults)
    return not place.exists() and not is_audio_name(place.name)
