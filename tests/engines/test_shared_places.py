"""Places in the memory of one process: whatever a command would read or write there is refused before any work."""

from pathlib import Path

import pytest
from support import Refused

from sentio_mobile.data.prepared import PreparedData

COMMANDS = {
    "songs": "predict memory://music --out OUT",
    "predictions": "predict MUSIC --out memory://out",
    "music to embed": "teacher embed --data DATA --music memory://music --encoder loudness --out OUT",
    "embeddings": "teacher embed --data DATA --music MUSIC --encoder loudness --out memory://out",
    "music to label": "teacher label --teacher OUT --on DATA memory://music --out OUT",
    "labels": "teacher label --teacher OUT --on DATA MUSIC --out memory://out",
    "shards": "data prepare MUSIC --out OUT --shards memory://shards",
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.usefixtures("loudness_encoder")
def test_place_in_memory_is_refused_with_a_cluster(
    command: str, prepared: PreparedData, labelled: Path, tmp_path: Path, refused: Refused
) -> None:
    given = {"MUSIC": labelled.parent, "DATA": prepared.folder, "OUT": tmp_path / "out"}
    place = next(word for word in command.split() if "memory" in word)
    refused(
        f"{place}: lies in the memory of this process, which workers cannot read; give a folder",
        *(given.get(word, word) for word in command.split()),
        *("--engine", "ray", "--address", "127.0.0.1:1"),
    )
    assert list(tmp_path.glob("out*")) == []
