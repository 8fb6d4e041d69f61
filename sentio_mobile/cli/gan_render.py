"""`sentio-mobile teacher gan render`: one sample as sound."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import console


@click.command(
    epilog="Example: sentio-mobile teacher gan render gan-ckpt --valence 0.8 --arousal 0.7 --out song.wav\n\n"
    "Of a network that learnt classes: sentio-mobile teacher gan render gan-ckpt --class dog --out dog.wav"
)
@click.argument("gan", type=click.Path(path_type=Path))
@click.option("--valence", type=float, help="From -1 (unpleasant) to 1 (pleasant).")
@click.option("--arousal", type=float, help="From -1 (calm) to 1 (energetic).")
@click.option("--class", "class_name", help="A class, where the network learnt classes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A .wav file.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another sample.")
@click.option("--seconds", type=float, help="Only the beginning of the clip.")
@click.option("--plot", type=click.Path(path_type=Path), help="A .png or .svg file for the spectrogram.")
def render(
    gan: Path,
    valence: float | None,
    arousal: float | None,
    class_name: str | None,
    out: Path,
    seed: int,
    seconds: float | None,
    plot: Path | None,
) -> None:
    """Make one sample of the network GAN, and turn it into sound.

    What a spectrogram lacks is guessed: phases, and how a band's power was spread. It sounds hollow, also where the
    spectrogram is a real song's. The loudest sample is at -1 dB. Needs librosa: pip install 'sentio-mobile\\[render]'.
    """
    from sentio_mobile.errors import InputError
    from sentio_mobile.inference.write import CHART_SUFFIXES, check_output_file

    check_output_file(out, (".wav",))
    if plot is not None:
        check_output_file(plot, CHART_SUFFIXES)
    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds must be above 0, not {seconds:g}")
    from sentio_mobile.audio.invert import write_wav
    from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
    from sentio_mobile.teacher.gan.render import label_of
    from sentio_mobile.teacher.gan.render import render as make

    network = GanCheckpoint.load(gan)
    audio = network.audio
    if seconds is not None and seconds > audio.seconds:
        raise InputError(f"--seconds {seconds:g}: this network's clips are {audio.seconds:.3g} s long; ask for less")
    mel, pcm = make(network, label_of(network.classes, valence, arousal, class_name), seed)
    if seconds is not None:
        pcm = pcm[: round(seconds * audio.sample_rate)]
        mel = mel[:, : 1 + len(pcm) // audio.hop_length]
    if plot is not None:
        from sentio_mobile._internal.picture import write_picture
        from sentio_mobile.teacher.gan.image import draw_spectrogram

        write_picture(plot, (8, 3.2), lambda axes: draw_spectrogram(axes, mel, audio))
    write_wav(out, pcm, audio.sample_rate)
    console.print(f"{len(pcm) / audio.sample_rate:.1f} s of sound in {out}", soft_wrap=True)
