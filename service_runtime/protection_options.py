"""The options of `serve` that protect its ports."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from service_runtime.callers import LIMITED_ROLES, Caller, Role
from service_runtime.protection import INSECURE_NO_KEYS, INSECURE_PLAINTEXT, Protection
from service_runtime.serve_options import ACCESS, Decorator, Option
from service_runtime.tls_files import TlsFiles

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_FORM: Final = "NAME=ROLE[:CONFIGURATION,…]"

Command = Callable[..., Any]


def protection_options(option: Option, *, serves_pixels: bool = False) -> Decorator:
    """Declare what protects the ports; the command gets it as *protection*."""
    groups = {"grpc": ("tls", "gRPC", True), "admin": ("admin-tls", "health and metrics", True)}
    if serves_pixels:
        groups["http"] = ("http-tls", "pixels", False)
        groups["page"] = ("page-tls", "the page", False)
    options = [
        each
        for prefix, what, asks_clients in groups.values()
        for each in tls_options(option, prefix, what, asks_clients=asks_clients)
    ]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def protected(
            *,
            tls_client_role: Mapping[str, Caller],
            insecure_plaintext: bool,
            insecure_no_keys: bool,
            **others: Any,  # noqa: ANN401 - click's
        ) -> object:
            files = {
                f"{port}_tls": take_tls_files(prefix, others)
                for port, (prefix, *_) in groups.items()
            }
            if tls_client_role and (files["grpc_tls"] is None or not files["grpc_tls"].client_ca):
                raise click.UsageError("--tls-client-role needs --tls-client-ca")
            protection = Protection(
                **files,
                client_roles=tls_client_role,
                allows_plaintext=insecure_plaintext,
                allows_no_keys=insecure_no_keys,
            )
            return command(protection=protection, **others)

        decorated: Command = protected
        for each in reversed([*options, _role_option(option), *insecure_options(option)]):
            decorated = each(decorated)
        return decorated

    return decorate


def tls_options(option: Option, prefix: str, what: str, *, asks_clients: bool) -> list[Decorator]:
    """Return the options that name the files of a port; `take_tls_files` takes what is given."""
    texts = {
        "certificate": f"Serve {what} by TLS, with this certificate and its chain (PEM).",
        "key": "Its key (PEM).",
    }
    if asks_clients:
        texts["client-ca"] = "Who signs the certificates that clients must show (PEM)."
    return [
        option(f"{prefix}-{name}", section=ACCESS, type=_FILE, show_default=False, help=text)
        for name, text in texts.items()
    ]


def _role_option(option: Option) -> Decorator:
    return option(
        "tls-client-role",
        section=ACCESS,
        multiple=True,
        callback=_client_roles,
        metavar=_FORM,
        help="What a name in a certificate may do; * is for every other name.",
    )


def insecure_options(option: Option) -> list[Decorator]:
    """Return the options that let ports be open to others."""
    return [
        option(
            INSECURE_PLAINTEXT,
            section=ACCESS,
            is_flag=True,
            help="Let other machines call without TLS, where everybody on the way reads.",
        ),
        option(
            INSECURE_NO_KEYS,
            section=ACCESS,
            is_flag=True,
            help="Let other machines call without saying who they are.",
        ),
    ]


def take_tls_files(prefix: str, options: dict[str, Any]) -> TlsFiles | None:
    """Take the files of a port out of *options*."""
    name = prefix.replace("-", "_")
    certificate, key = options.pop(f"{name}_certificate"), options.pop(f"{name}_key")
    client_ca = options.pop(f"{name}_client_ca", None)
    if (certificate is None) != (key is None):
        raise click.UsageError(f"--{prefix}-certificate and --{prefix}-key belong together")
    if certificate is None:
        if client_ca is not None:
            raise click.UsageError(f"--{prefix}-client-ca needs --{prefix}-certificate")
        return None
    return TlsFiles(certificate=certificate, key=key, client_ca=client_ca)


def _client_roles(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> Mapping[str, Caller]:
    callers: dict[str, Caller] = {}
    for each in given:
        # From the right, because names may be URIs with anything in them but `=`.
        name, separator, rest = each.rpartition("=")
        role, _, configurations = rest.partition(":")
        if not separator or not name or role not in list(Role):
            raise click.BadParameter(f"{each!r} is not {_FORM}, with one of {', '.join(Role)}")
        if name in callers:
            raise click.BadParameter(f"{name!r} is listed twice")
        ids = frozenset(filter(None, configurations.split(",")))
        if ids and Role(role) not in LIMITED_ROLES:
            raise click.BadParameter(f"{each!r}: the role {role} is not limited by configurations")
        callers[name] = Caller(
            role=Role(role), name=name, configuration_ids=ids, has_certificate=True
        )
    return callers
