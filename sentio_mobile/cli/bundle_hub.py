"""`sentio-mobile bundle push` and `bundle pull`: bundles to the Hugging Face hub and from it."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, claim_output, force_option, out_option, signature_option
from sentio_mobile.cli.output import console, json_option, print_json


@click.command(cls=Command, epilog="Example: sentio-mobile bundle push bundle anna/moods --tag 1.0 --notes NOTES.md")
@click.argument("folder", metavar="BUNDLE", type=PATH)
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private. One that is public already is refused.")
@click.option("--tag", help="Tag the commit, such as 1.0, so that `bundle pull --revision 1.0` finds it.")
@click.option(
    "--notes", type=PATH, help="Release notes, as Markdown (`bundle diff --notes` writes some): the end of the card."
)
@click.option("--checkpoint", type=PATH, help="The checkpoint that the bundle was exported from; its weights go along.")
@signature_option
@json_option
def push(
    folder: Path,
    repository: str,
    private: bool,
    tag: str | None,
    notes: Path | None,
    checkpoint: Path | None,
    signature_key: Path | None,
) -> None:
    """Send BUNDLE to the repository OWNER/NAME of the Hugging Face hub, which is made where there is none.

    The bundle's files go there with a card (README.md) and the model's spec (config.json), in one commit. Every hash is
    checked before. Models of an earlier release are replaced; they stay in the repository's history.

    It needs huggingface_hub (pip install 'sentio-mobile[hub]') and a token: run `hf auth login`, or set HF_TOKEN.
    """
    from sentio_mobile.bundle.hub.push import push as send
    from sentio_mobile.bundle.sign import open_trusted
    from sentio_mobile.cli.progress_bars import ProgressBars

    opened = open_trusted(folder, signature_key)
    with ProgressBars() as progress:
        done = send(opened, repository, private=private, tag=tag, notes=notes, checkpoint=checkpoint, progress=progress)
    console.print(f"{done.files} files in {done.url}", markup=False, soft_wrap=True)
    if done.removed:
        console.print(f"{done.removed} files of the release before were removed.", markup=False)
    at = done.tag or done.commit
    console.print(
        f"Get it: sentio-mobile bundle pull {repository} --revision {at} --out bundle", markup=False, soft_wrap=True
    )
    print_json(done)


@click.command(cls=Command, epilog="Example: sentio-mobile bundle pull anna/moods --revision 1.0 --out bundle")
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--revision", help="A branch, a tag or a commit; by default what is newest.")
@out_option
@force_option
@signature_option
@json_option
def pull(repository: str, revision: str | None, out: Path, force: bool, signature_key: Path | None) -> None:
    """Get a bundle from the repository OWNER/NAME of the Hugging Face hub.

    Every file is checked against the manifest's hash before it is kept, and --out appears when all are right. With
    --require-signature the signature is checked first. Other files of the repository stay where they are.

    It needs huggingface_hub (pip install 'sentio-mobile[hub]'). A private repository needs a token: run `hf auth
    login`, or set HF_TOKEN.
    """
    from sentio_mobile.bundle.hub.pull import pull as get
    from sentio_mobile.cli.progress_bars import ProgressBars

    claim_output(out, force)
    with ProgressBars() as progress:
        done = get(repository, out, revision=revision, key=signature_key, overwrite=force, progress=progress)
    console.print(f"{done.files} files in {out}; commit {done.commit}", markup=False, soft_wrap=True)
    if done.public_key_sha256 is not None:
        console.print(f"Key fingerprint: {done.public_key_sha256}", markup=False)
    print_json(done)
