"""A toy encoder's embeddings of the prepared songs, and probes of them that are made in a moment."""

from pathlib import Path

import numpy as np
import pytest
from probes import QUICK, SIZE, STEPS, MakeEmbeddings, toy_info

from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings, write_clip_embeddings
from sentio_mobile.teacher.probe.probe import Probe
from sentio_mobile.teacher.probe.train import train_probe


@pytest.fixture(scope="session")
def make_embeddings(tmp_path_factory: pytest.TempPathFactory) -> MakeEmbeddings:
    """Writes embeddings of all windows of prepared songs; two of their values follow the labels."""

    def make(data: PreparedData, *, leave_out: int = 0, **changes: str) -> ClipEmbeddings:
        rows = read_clip_rows(data.folder / SONGS)[leave_out:]
        random = np.random.default_rng(0)
        values = random.normal(size=(len(rows), STEPS, SIZE))
        values[:, :, :2] = 0.2 * values[:, :, :2] + np.array([[[one.valence or 0, one.arousal or 0]] for one in rows])
        path = tmp_path_factory.mktemp("embeddings") / "embeddings.safetensors"
        checksums = data.store.checksums[np.array([one.row for one in rows])]
        write_clip_embeddings(path, info=toy_info(**changes), checksums=checksums, embeddings=values)
        return read_clip_embeddings(path)

    return make


@pytest.fixture(scope="session")
def embeddings(data: PreparedData, make_embeddings: MakeEmbeddings) -> ClipEmbeddings:
    """Those of the songs that most tests use."""
    return make_embeddings(data)


@pytest.fixture(scope="session")
def probe(data: PreparedData, embeddings: ClipEmbeddings, tmp_path_factory: pytest.TempPathFactory) -> Probe:
    """A probe of their training songs."""
    return train_probe(data, embeddings, out=tmp_path_factory.mktemp("probes") / "probe", recipe=QUICK)


@pytest.fixture
def embeddings_file(embeddings: ClipEmbeddings) -> Path:
    """The file of the embeddings."""
    return embeddings.path
