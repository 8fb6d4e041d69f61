"""What a program and its runtime process say to each other: a record as JSON, and after some of them numbers as bytes.

The process runs files from strangers, so that nothing which it sends is anything but words and numbers.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Annotated, TypeVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal import connected_process
from sentio_mobile._internal.records import Name, NonNegative, Record, Text, json_bytes
from sentio_mobile.errors import BundleError
from sentio_mobile.spec import ModelSpec

MAX_BYTES = 1 << 30
"""The largest array that is sent."""

Number = Annotated[int, Meta(ge=0, le=10**9)]
Shape = Annotated[tuple[Annotated[int, Meta(ge=0, le=2**31)], ...], Meta(max_length=8)]

T = TypeVar("T", bound=Record)


class Load(Record, frozen=True, kw_only=True, tag_field="ask", tag="load"):
    """Load an artifact."""

    number: Number  # what the artifact is called from now on
    format: Name  # name of the artifact's format
    path: Text  # absolute path of the artifact
    threads: Annotated[int, Meta(ge=1, le=1024)]  # threads that the runtime may use
    spec: ModelSpec  # spec of the artifact


class Run(Record, frozen=True, kw_only=True, tag_field="ask", tag="run"):
    """Run a loaded artifact on the array that follows."""

    number: Number  # which artifact
    shape: Shape  # shape of the array, float32
    limit_s: Annotated[int, Meta(ge=1, le=10**6)]  # seconds of processor time that the run may take


class Drop(Record, frozen=True, kw_only=True, tag_field="ask", tag="drop"):
    """Forget a loaded artifact. There is no reply."""

    number: Number  # which artifact


Request = Load | Run | Drop


class Reply(Record, frozen=True, kw_only=True):
    """How a request ended."""

    error: Annotated[str, Meta(max_length=2000)] = ""  # why it failed, on one line; empty if it did not
    seconds: NonNegative = 0.0  # time that the artifact took, measured in the process
    shape: Shape = ()  # shape of the array that follows, float32; empty if none does


def send(connection: Connection, record: Request | Reply, array: NDArray[np.float32] | None = None) -> None:
    """Send a record, and after it an array."""
    connection.send_bytes(json_bytes(record))
    if array is not None:
        connection.send_bytes(np.ascontiguousarray(array, np.float32).data.cast("B"))


def receive(connection: Connection, kind: type[T]) -> T:
    """Receive a record.

    Raises:
        BundleError: It is not one of this kind.
        EOFError, OSError: It is too long, or the other side is gone.
    """
    return connected_process.receive(connection, kind, "a runtime process", BundleError)


def receive_array(connection: Connection, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Receive an array of this shape.

    Raises:
        ValueError: It is of another size.
        OSError: It is too long, or the other side is gone.
    """
    return np.frombuffer(connection.recv_bytes(MAX_BYTES), np.float32).reshape(shape)
