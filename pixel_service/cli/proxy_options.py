"""The options of `serve` about proxies in front."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

import click

from pixel_service.endpoint.client_address import ForwardedHeader, IpNetwork
from pixel_service.settings import Settings
from service_runtime.serve_options import Decorator, Option, all_of

_PROXIES: Final = "Proxies"
_DEFAULTS: Final = Settings()

# As browsers write it in a request: a name that has other letters comes encoded.
_HOST: Final = re.compile(
    r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE
)


def proxy_options(option: Option) -> Decorator:
    """Declare which proxies are in front."""
    return all_of(
        option(
            "trusted-proxies",
            section=_PROXIES,
            multiple=True,
            callback=_networks,
            metavar="NETWORKS",
            help="Proxies in front whose forwarding header is believed: networks, comma-separated.",
        ),
        option(
            "forwarded-header",
            section=_PROXIES,
            type=click.Choice([each.value for each in ForwardedHeader]),
            default=_DEFAULTS.forwarded_header.value,
            help="The header field in which trusted proxies name the client.",
        ),
        option(
            "page-hosts",
            section=_PROXIES,
            multiple=True,
            callback=_hosts,
            metavar="HOSTS",
            help="What browsers call the page behind a proxy: HOST[:PORT], comma-separated.",
        ),
    )


def _networks(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[IpNetwork]:
    given = [each.strip() for value in values for each in value.split(",")]
    try:
        return [ipaddress.ip_network(each) for each in given if each]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _hosts(_: click.Context, __: click.Parameter, values: Sequence[str]) -> Sequence[str]:
    given = [each.strip() for value in values for each in value.split(",")]
    hosts = tuple(each for each in given if each)
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{host!r} is not HOST[:PORT], such as opens.example.com")
    return hosts
