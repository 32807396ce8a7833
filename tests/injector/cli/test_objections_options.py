"""How `injector-service serve` is told of the pixel service that knows of objections."""

from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from injector_service.cli.serve import serve


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pixel-service-tls"], "is said, but not where: --pixel-service"),
        (["--pixel-service-api-key-file=key"], "is said, but not where: --pixel-service"),
        (
            ["--pixel-service=pixel", "--pixel-service-client-key=key"],
            "--pixel-service-client-key needs --pixel-service-client-certificate",
        ),
        (["--pixel-service=bad host"], "'bad host' is not HOST or HOST:PORT"),
        (["--pixel-service=host:x:y"], "'host:x:y' is not HOST or HOST:PORT"),
    ],
)
def test_half_of_what_a_call_needs_is_refused(options: Sequence[str], said: str) -> None:
    """As a wrong use, which names the option that is missing."""
    done = CliRunner().invoke(serve, options)

    assert done.exit_code == 2
    assert said in done.stderr
