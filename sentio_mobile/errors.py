"""Errors that the toolkit raises on purpose.

    SentioError                     one line: what is wrong, where, what to do
    ├── InputError                  an input is not valid
    │   ├── RecordError             a field of a record is out of its range
    │   ├── AudioError              a file that holds no usable audio
    │   ├── LabelError              a CSV of labels, or a value in it
    │   ├── DataError               a prepared data folder
    │   ├── RecipeError             a TOML recipe, or a key or value in it
    │   ├── CheckpointError         a checkpoint folder
    │   └── BundleError             a bundle, its manifest, or a file whose hash differs
    ├── OutputError                 a place that cannot be written
    ├── MissingExtraError           an optional package is not installed
    ├── TrainingError               training cannot start or cannot go on
    │   └── LossError               the loss is not finite
    ├── ConversionError             a converter failed, hung or died; its log says more
    ├── WorkerError                 a process that did a part of the work was killed
    ├── PrecisionError              an artifact does not keep what its precision promises
    └── CheckFailedError            a check was completed and failed

The command line prints only the message, and exits with `exit_status`.
"""

import re
from collections.abc import Mapping, Sequence

MAX_MESSAGE = 2000
"""Characters of a message. A longer one loses its middle: what is wrong stands first, what to do last."""

# C0 and C1 controls, marks that turn the direction of text, separators of lines and paragraphs, the byte order mark,
# and surrogates, which stand for bytes of a name that is no UTF-8.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    """A text on one line, with every character escaped that a terminal would obey instead of showing it.

    Names of files and cells of tables come from strangers: a line break in one could forge a second message, and an
    escape character could change what stands on the screen already.
    """
    return _UNSEEN.sub(_escaped, text)


def shortened(text: str, longest: int = MAX_MESSAGE) -> str:
    """A text without its middle if it is longer than `longest` characters, and how many are left out."""
    if len(text) <= longest:
        return text
    first, last = longest * 2 // 3, longest // 4
    return f"{text[:first]}... ({len(text) - first - last:,} characters left out) ...{text[-last:]}"


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that is no UTF-8, as Python keeps it in names.
        return f"\\x{code - 0xDC00:02x}"
    return repr(found[0])[1:-1] if code < 0xD800 else f"\\u{code:04x}"


class SentioError(Exception):
    """Root of the tree. The message is one line that a user can act on, and that a terminal shows as it is."""

    exit_status = 2

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(printable(message)))


class InputError(SentioError):
    """An input is not valid."""


class RecordError(InputError, ValueError):
    """A field of a record, or a setting of a recipe, is out of its range, or two of them do not agree."""


class AudioError(InputError):
    """A file has no usable audio."""


class LabelError(InputError):
    """A CSV of labels, or a value in it, is not valid."""


class DataError(InputError):
    """A prepared data folder is missing, damaged, or does not fit the request."""


class RecipeError(InputError):
    """A TOML recipe, or a key or value in it, is not valid."""


class CheckpointError(InputError):
    """A checkpoint folder is missing, is truncated, or has another architecture."""


class BundleError(InputError):
    """A bundle lacks something, or the hash of a file in it differs from the manifest."""


class OutputError(SentioError):
    """A file or folder cannot be written."""


class MissingExtraError(SentioError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: pip install 'sentio-mobile[{extra}]'")


class TrainingError(SentioError):
    """Training cannot start, or cannot go on."""


class LossError(TrainingError):
    """The loss is not finite. `history` has the epochs before it; the network keeps the weights of the best of them."""

    def __init__(self, message: str, history: Sequence[Mapping[str, float | None]] = ()) -> None:
        super().__init__(message)
        self.history = tuple(dict(row) for row in history)


class ConversionError(SentioError):
    """A converter failed, hung or was killed. Its log says more."""

    exit_status = 1


class WorkerError(SentioError):
    """A process that did a part of the work was killed."""

    exit_status = 1


class PrecisionError(SentioError):
    """An artifact breaks the promise of its precision: weights stayed fp32, or predictions collapsed or got worse."""

    exit_status = 3


class CheckFailedError(SentioError):
    """A check was completed and failed."""

    exit_status = 1
