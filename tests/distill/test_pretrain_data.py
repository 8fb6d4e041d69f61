"""What a pretrained checkpoint states about its music."""

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.pretrain_data import music_origin


def test_music_origin_claims_no_labels(data: PreparedData) -> None:
    one, two = music_origin([data]), music_origin([data, data])
    songs = len(data.split("train"))
    assert one.labels == two.labels == "none"
    assert (one.fingerprint, one.source) == (data.sheet.fingerprint, data.sheet.source)
    assert two.fingerprint != one.fingerprint
    assert (one.songs, two.songs) == ({"unlabelled": songs}, {"unlabelled": 2 * songs})
