"""`sentio-mobile bundle`: sign a release, check it, compare it with another. bundle_hub.py has the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from sentio_mobile.cli.options import PATH, Group, claim_output
from sentio_mobile.cli.output import console, json_option, print_json

if TYPE_CHECKING:
    from sentio_mobile.bundle.diff import Agreement, BundleDiff, Change, FileChange

_MAX_SHOWN = 70
"""Characters of a value that a table shows; JSON has all of them."""


@click.group(
    cls=Group,
    lazy={
        "push": ("sentio_mobile.cli.bundle_hub", "Send a bundle to the Hugging Face hub."),
        "pull": ("sentio_mobile.cli.bundle_hub", "Get a bundle from the Hugging Face hub."),
    },
)
def bundle() -> None:
    """Sign a bundle, check it, compare two; send them to the Hugging Face hub or get them."""


@bundle.command(epilog="Example: sentio-mobile bundle key release.pem")
@click.argument("out", type=PATH)
@json_option
def key(out: Path) -> None:
    """Make a key pair for signing: the private key OUT, and the public key (.pub) beside it.

    Give the public key to apps and users. The private key has no password: keep it with your other secrets, and never
    inside a bundle. An existing key is never overwritten.
    """
    from sentio_mobile.bundle.keys import make_key

    public, digest = make_key(out)
    for line in (f"Private key: {out}", f"Public key:  {public}", f"Fingerprint: {digest}"):
        console.print(line, markup=False, soft_wrap=True)
    print_json({"private_key": str(out), "public_key": str(public), "public_key_sha256": digest})


@bundle.command(epilog="Example: sentio-mobile bundle sign bundle --key release.pem")
@click.argument("folder", metavar="BUNDLE", type=PATH)
@click.option("--key", "key_file", type=PATH, required=True, help="Your private key (`bundle key` makes one).")
@json_option
def sign(folder: Path, key_file: Path) -> None:
    """Sign a bundle: write manifest.sig.json beside manifest.json, which has the hash of every other file.

    The bundle is checked first. One that was changed, or has files that its manifest does not list, is not signed.
    """
    from sentio_mobile.bundle.sign import sign as sign_bundle

    digest = sign_bundle(folder, key_file)
    for line in (f"Signed: {folder}", f"Key fingerprint: {digest}"):
        console.print(line, markup=False, soft_wrap=True)
    print_json({"bundle": str(folder), "public_key_sha256": digest})


@bundle.command(epilog="Example: sentio-mobile bundle check bundle --key release.pub.pem")
@click.argument("folder", metavar="BUNDLE", type=PATH)
@click.option("--key", "key_file", type=PATH, required=True, help="The signer's public key.")
@json_option
def check(folder: Path, key_file: Path) -> None:
    """Check that a bundle is, file for file, what the owner of a key signed.

    The signature is checked before anything else is read, then every hash, and that there is no other file. The exit
    status is 1 when the signature is invalid or a file was added, and 2 when a file was changed.
    """
    from sentio_mobile.bundle.sign import check as check_bundle

    found = check_bundle(folder, key_file)
    print_json(found)
    valid = f"{folder}: the signature is valid, and {found.files} files are those that were signed"
    for line in (valid, f"Key fingerprint: {found.public_key_sha256}"):
        console.print(line, markup=False, soft_wrap=True)


@bundle.command(epilog="Example: sentio-mobile bundle diff released bundle --notes NOTES.md")
@click.argument("before", metavar="A", type=PATH)
@click.argument("after", metavar="B", type=PATH)
@click.option("--notes", type=PATH, help="Write the release notes, as Markdown, to this file.")
@click.option("--force", is_flag=True, help="Overwrite what exists at --notes.")
@json_option
def diff(before: Path, after: Path, notes: Path | None, force: bool) -> None:
    """Show how bundle B differs from bundle A, released before it. The exit status is 0 either way."""
    from sentio_mobile._internal.files import write_text
    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.bundle.diff import compare
    from sentio_mobile.bundle.release_notes import release_notes

    if notes is not None:
        claim_output(notes, force, file=True)
    old, new = open_bundle(before), open_bundle(after)
    found = compare(old, new)
    if notes is not None:
        write_text(notes, release_notes(found, before=old.manifest.release, after=new.manifest.release))
    _show(found, before, after)
    print_json(found)


def _show(found: BundleDiff, before: Path, after: Path) -> None:
    if found.same:
        console.print(f"{before} and {after} do not differ.", markup=False, soft_wrap=True)
        return
    _table("spec", ("before", "after"), [_changed(row) for row in found.spec])
    _table("artifacts", _FILE, [_filed(row) for row in found.artifacts])
    _table("other files", _FILE, [_filed(row) for row in found.files])
    columns = ("before", "songs", "after", "songs", "after minus before, same songs")
    _table("CCC (95% interval)", columns, [_agreed(row) for row in found.metrics])
    _table("provenance", ("before", "after"), [_changed(row) for row in found.provenance])
    _table("other", ("before", "after"), [_changed(row) for row in found.other])
    if found.golden.reason:
        console.print(f"Golden outputs cannot be compared: {found.golden.reason}.", markup=False, soft_wrap=True)
        return
    moves = [f"{_safe(name)} {_number(far)}" for name, far in found.golden.largest.items()]
    line = f"Golden outputs moved by at most ({found.golden.vectors} vectors): {', '.join(moves)}"
    console.print(line, markup=False, soft_wrap=True)


_FILE = ("change", "before", "after", "size")


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        console.print(f"{name}: no difference", markup=False)
        return
    table = Table(name, *columns)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _changed(row: Change) -> tuple[str, ...]:
    return (_safe(row.name), _value(row.before), _value(row.after))


def _filed(row: FileChange) -> tuple[str, ...]:
    sizes = ("-" if size is None else f"{size:,} B" for size in (row.before, row.after))
    return (_safe(row.name), row.change, *sizes, "-" if row.percent is None else f"{row.percent:+.1f}%")


def _agreed(row: Agreement) -> tuple[str, ...]:
    before, after = ("not measured" if ccc is None else str(ccc) for ccc in (row.before, row.after))
    songs = ["-" if n is None else str(n) for n in (row.songs_before, row.songs_after)]
    difference = "-" if row.difference is None else str(row.difference)
    return (f"{row.split} {row.dimension}", before, songs[0], after, songs[1], difference)


def _number(far: float | None) -> str:
    return "undefined" if far is None else f"{far:.2g}"


def _value(value: Any) -> str:
    """A value as JSON, in which control characters are escaped."""
    import json

    text = "-" if value is None else json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def _safe(name: str) -> str:
    return name if name.isprintable() else ascii(name)
