"""The inputs of one operation of a Core ML program, read by name and kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sentio_mobile.formats.coreml_interpreter.mil_blob import Value
from sentio_mobile.formats.coreml_interpreter.mil_math import Tensor


class Inputs:
    """Values by the names that the specification gives them."""

    def __init__(self, values: Mapping[str, Sequence[Value]]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Whether the optional input `name` is given."""
        return name in self.values

    def value(self, name: str) -> Value:
        """A tensor of any type, as it is."""
        return self.values[name][0]

    def tensor(self, name: str) -> Tensor:
        """A tensor of floating-point numbers in 32 bits, whatever it is stored in."""
        value = self.value(name)
        if value.dtype not in (np.float32, np.float16):
            raise TypeError(f"{name} is {value.dtype}, and only float32 and float16 are known")
        return value.astype(np.float32, copy=False)

    def numbers(self, name: str) -> list[int]:
        """A list of integers."""
        return [int(n) for n in self.value(name).reshape(-1)]

    def scalar(self, name: str) -> np.float32:
        """One number."""
        return np.float32(self.value(name))

    def number(self, name: str, default: int) -> int:
        """One integer; `default` where it is not given."""
        return self.numbers(name)[0] if self.has(name) else default

    def flags(self, name: str, count: int) -> list[bool]:
        """A list of booleans; all false where it is not given."""
        return [bool(n) for n in self.value(name).reshape(-1)] if self.has(name) else [False] * count

    def flag(self, name: str) -> bool:
        """One boolean; false where it is not given."""
        return self.flags(name, 1)[0]

    def text(self, name: str) -> str:
        """One word."""
        return str(self.value(name))
