"""The page of an evaluation."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import from_plain, replace, to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.teacher.gan.evaluation.clips import Clips, generated_clips
from sentio_mobile.teacher.gan.evaluation.evaluate import GanEvaluation
from sentio_mobile.teacher.gan.evaluation.page import write_gan_evaluation


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_write_gan_evaluation_shows_real_and_generated_songs(
    songs: PreparedData, test_songs: Clips, test_mels: NDArray[np.float32], held_out: GanEvaluation, tmp_path: Path
) -> None:
    samples = generated_clips("<b>runs/gan</b>", test_mels, test_songs.labels)
    found = replace(held_out, name=samples.name)
    write_gan_evaluation(tmp_path / "page.html", found, samples, songs)
    page = (tmp_path / "page.html").read_text()
    reader = Reader()
    reader.feed(page)
    alts = [image["alt"] or "" for image in reader.images]
    real, generated = ([x for x in alts if x.startswith(f"Spectrogram. {kind}")] for kind in ("Real", "Generated"))
    assert len(real) == len(generated) == 7
    assert all((image["src"] or "").startswith("data:") for image in reader.images)
    assert "http" not in page.replace("http-equiv", "")
    assert f"{found.score.total:.0f} of 100" in reader.text
    assert "<b>runs" not in page
    assert str(found.consistency.interval("arousal")) in reader.text


def test_gan_evaluation_json_is_read_back(held_out: GanEvaluation) -> None:
    assert from_plain(GanEvaluation, to_plain(held_out), "evaluation.json", complete=True) == held_out
