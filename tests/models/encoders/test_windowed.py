"""Windows, time steps, and the choice of a layer."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.errors import AudioError, InputError
from sentio_mobile.models.encoders.windowed import embed_in_windows, means_by_step, require_layer, split_layer


def times(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """A network with steps of ten samples, four a window, whose embedding is the first sample of a step."""
    filled = np.concatenate([window, np.full(40 - len(window), np.nan, dtype=np.float32)])
    return filled[::10, None]


@pytest.mark.parametrize(
    ("samples", "steps"), [(3, 1), (10, 1), (19, 1), (20, 2), (39, 3), (40, 4), (55, 5), (123, 12)]
)
def test_embed_in_windows_gives_each_whole_step_once_and_in_order(samples: int, steps: int) -> None:
    found = embed_in_windows(np.arange(samples, dtype=np.float32), times, step=10, steps=4)
    np.testing.assert_array_equal(found[:, 0], 10 * np.arange(steps))


def test_embed_in_windows_takes_steps_that_are_not_whole() -> None:
    windows: list[int] = []

    def embed(window: NDArray[np.float32]) -> NDArray[np.float32]:
        windows.append(int(window[0]))
        return np.zeros((7, 2), dtype=np.float32)

    # 100 samples are seven steps; 250 are seventeen and a half.
    assert embed_in_windows(np.arange(250, dtype=np.float32), embed, step=100 / 7, steps=7).shape == (17, 2)
    assert windows == [0, 100, 143]


@pytest.mark.parametrize(("pcm", "fault"), [(np.zeros(0), "empty"), (np.full(9, np.inf), "NaN or infinity")])
def test_embed_in_windows_refuses_what_is_no_sound(pcm: NDArray[np.float64], fault: str) -> None:
    with pytest.raises(AudioError, match=fault):
        embed_in_windows(pcm.astype(np.float32), times, step=10, steps=4)


def test_means_by_step_puts_a_frame_where_its_centre_is() -> None:
    frames = np.arange(7, dtype=np.float32)[:, None]
    # Centres 4, 9, 14, 19, 24, 29, 34: two frames a step of ten, and one too many.
    found = means_by_step(frames, 4 + 5 * np.arange(7), step=10, steps=3)
    np.testing.assert_allclose(found[:, 0], [0.5, 2.5, 4.5])


@pytest.mark.parametrize(
    ("place", "expected"),
    [("a/b", ("a/b", None)), ("a/b#layer=0", ("a/b", 0)), ("a#1/b#layer=12", ("a#1/b", 12)), ("a#b", ("a#b", None))],
)
def test_split_layer(place: str, expected: tuple[str, int | None]) -> None:
    assert split_layer(place) == expected


@pytest.mark.parametrize("choice", ["layer=", "layer=-1", "layer=six", "layer", "layer=123456"])
def test_split_layer_refuses_what_is_no_number(choice: str) -> None:
    with pytest.raises(InputError, match="chooses no layer; write its number, as in #layer=6"):
        split_layer(f"a#{choice}")


def test_require_layer_names_the_range() -> None:
    require_layer(None, 1, 2, "x")
    require_layer(2, 1, 2, "x")
    with pytest.raises(InputError, match="x has no layer 3; choose one from 1 to 2"):
        require_layer(3, 1, 2, "x")
