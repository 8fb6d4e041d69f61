"""`sentio-mobile encoder`: pretrained audio networks: list them, install their weights, embed songs."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from rich.markup import escape
from rich.table import Table

from sentio_mobile.cli.options import PATH, Group, out_option
from sentio_mobile.cli.output import console, json_option, print_json, show_notes, show_skipped
from sentio_mobile.errors import InputError


@click.group(cls=Group)
def encoder() -> None:
    """Use audio networks that were pretrained on much music."""


@encoder.command("list", epilog="Example: sentio-mobile encoder list")
@json_option
def list_encoders() -> None:
    """List the encoders that are known here, those of other packages included.

    Others are named by what they are made of: hf:FOLDER and hf:HUB-ID are audio models of the package transformers
    (AST, CLAP, Wav2Vec2, HuBERT, WavLM, Data2Vec, Whisper), ckpt:FOLDER is a student or teacher that was trained here.
    With #layer=6 at the end, the hidden states of that layer are the embeddings. Needs, for hf:, transformers: pip
    install 'sentio-mobile[transformers]'.
    """
    from sentio_mobile.models.encoders.base import PREFIX_FORMS, encoder_names, load_encoder

    table = Table("Encoder", "Sample rate", "Window", "Embedding", "Parameters", "Licence", box=None)
    known: dict[str, object] = {}
    for name in encoder_names():
        try:
            info = load_encoder(name).info
        except InputError as error:
            missing = str(error).split(";")[0].replace(f"the encoder {name} is ", "")
            table.add_row(name, escape(missing))
            known[name] = missing
            continue
        size, parameters = f"{info.size} values", f"{info.parameters:,}"
        known[name] = info
        table.add_row(name, f"{info.sample_rate:,} Hz", f"{info.window_s:.1f} s", size, parameters, info.licence)
    console.print(table)
    forms = Table("Form", "Made of", box=None)
    for form, what in PREFIX_FORMS.items():
        forms.add_row(form, what)
    console.print()
    console.print(forms)
    print_json({"encoders": known, "forms": PREFIX_FORMS})


@encoder.command(epilog="Example: sentio-mobile encoder install musicnn")
@click.argument("name", type=click.Choice(["musicnn"]))
@click.option("--wheel", type=PATH, help="The wheel, if it was downloaded already.")
@json_option
def install(name: str, wheel: Path | None) -> None:
    """Install the weights of an encoder into the user's cache folder.

    musicnn: pip downloads the wheel of the same name (29 MB, ISC licence), its SHA-256 is checked, and the weights of
    both networks are kept as safetensors (6 MB). The wheel's code is not installed and not run.
    """
    from sentio_mobile.models.encoders.install import install_musicnn

    paths = install_musicnn(wheel)
    for path in paths:
        console.print(f"Installed {path}", soft_wrap=True, markup=False)
    console.print("Next: sentio-mobile teacher embed --data PREPARED --music FOLDER --out embeddings.safetensors")
    print_json({"installed": [str(path) for path in paths]})


@encoder.command(
    epilog="Example: sentio-mobile encoder embed music/ --encoder musicnn-msd --out embeddings.safetensors"
)
@click.argument("songs", nargs=-1, required=True, type=PATH)
@click.option(
    "--encoder", "name", required=True, help="A name, or a form such as hf:FOLDER, that `encoder list` shows."
)
@out_option
@json_option
def embed(songs: tuple[Path, ...], name: str, out: Path) -> None:
    """Write the embeddings of SONGS, files or folders: one tensor [time, values] for each song, as safetensors."""
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.inference.songs import find_songs
    from sentio_mobile.models.encoders.base import load_encoder
    from sentio_mobile.models.encoders.embeddings import embed_songs, write_embeddings

    loaded = load_encoder(name)
    found = find_songs(songs)
    files, faults = found.songs, found.faults
    with ProgressBars() as progress:
        embeddings, broken, notes = embed_songs(loaded, files, progress=progress)
    show_notes([*found.notes, *notes])
    show_skipped([*faults, *broken])
    if not embeddings:
        raise InputError("no song could be embedded; give audio files, or folders that hold some")
    write_embeddings(out, loaded.info, embeddings)
    console.print(
        f"{len(embeddings)} songs in {out}, {loaded.info.size} values each {loaded.info.hop_s:.1f} s", markup=False
    )
    print_json({"out": str(out), "songs": len(embeddings), "encoder": loaded.info})
