"""`injector-service token-keys`: the key ring that both services share."""

import hashlib
from pathlib import Path
from typing import Final

import click

from injector_service.settings import DEFAULT_DATA
from service_runtime.key_ring import (
    KEY_RING_FILE,
    format_key_ring,
    generate_key_ring,
    read_key_ring,
    write_key_ring,
)

# Enough to see whether two machines have the same key, and nothing to guess it by:
# keys are 512 random bits.
_FINGERPRINT_OCTETS: Final = 6

_file_option: Final = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_DATA / KEY_RING_FILE,
    envvar="EMAILOPENS_INJECTOR_TOKEN_KEYS_FILE",
    show_envvar=True,
    show_default=True,
    help="The key ring.",
)


@click.group("token-keys")
def token_keys() -> None:
    """Make, list and rotate the keys of pixel tokens.

    Both services need the same key ring, and read it when they start.
    """


@token_keys.command()
@_file_option
@click.option("--print", "is_printed", is_flag=True, help="Print the key ring, and write no file.")
def generate(path: Path, *, is_printed: bool) -> None:
    """Make a key ring with one key."""
    ring = generate_key_ring()
    if is_printed:
        click.echo(format_key_ring(ring), nl=False)
        return
    write_key_ring(path, ring)
    click.echo(f"{path}: key {ring.active_key_id}")


@token_keys.command("list")
@_file_option
def list_keys(path: Path) -> None:
    """List the keys by ID and fingerprint; the minting one is marked."""
    ring = read_key_ring(path)
    for key_id, key in ring.keys.items():
        fingerprint = hashlib.blake2b(key, digest_size=_FINGERPRINT_OCTETS).hexdigest()
        mark = "  mints" if key_id == ring.active_key_id else ""
        click.echo(f"{key_id:>3}  {fingerprint}{mark}")


@token_keys.command()
@_file_option
def rotate(path: Path) -> None:
    """Add a fresh key that mints from now on.

    The other keys go on opening the pixels of mail that is already sent.
    """
    ring = read_key_ring(path).rotated()
    write_key_ring(path, ring, replace=True)
    click.echo(f"{path}: key {ring.active_key_id}")
    click.echo("Restart the pixel service first, then the injector service.", err=True)
