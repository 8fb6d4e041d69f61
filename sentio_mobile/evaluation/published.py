"""What others have published on DEAM, to be read beside one's own figures, never instead of them."""

from __future__ import annotations

from dataclasses import dataclass

from sentio_mobile.data.prepared import PreparedData


@dataclass(frozen=True)
class Published:
    """R2 of valence and arousal, and where it stands."""

    name: str
    r2: tuple[float, float]
    remark: str


DEAM: tuple[Published, ...] = (
    Published("Music2Emo", (0.51, 0.60), "as published, on its own split of DEAM"),
    Published("ceiling", (0.83, 0.86), "about what the raters' own disagreement leaves to be explained"),
)


def published_for(data: PreparedData) -> tuple[Published, ...]:
    """The figures that songs of this origin may be compared with: none but for DEAM with people's labels."""
    return DEAM if data.sheet.get("layout") == "deam" and data.sheet.get("labels") == "rated" else ()
