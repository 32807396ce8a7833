"""Who may import whom: the rooms of the house, each with what it rests on."""

import dataclasses
from collections.abc import Mapping
from typing import Final

import pytest

from tests.contract.imports import ROOT, Import, imports_of, is_in, room_passed, roots_of

INJECTOR: Final = "injector_service"
PIXEL: Final = "pixel_service"
BRIDGE: Final = "mail_bridge"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a module or package may import.

    *ours* are the modules and packages of its own service that it may import, besides
    itself; *never* are libraries and packages from outside that it must not; *only* are those
    that just the named modules may import.
    """

    room: str
    promise: str
    ours: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    only: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def service(self) -> str:
        """The service that the room is in."""
        return self.room.partition(".")[0]

    def broken_by(self, found: Import) -> str | None:
        """Return a sentence on what is wrong with an import, or None."""
        root = found.imported.partition(".")[0]
        if root == self.service and is_in(found.imported, self.room):
            return None
        if root == self.service:
            allowed = any(is_in(found.imported, f"{root}.{each}") for each in self.ours)
            what = f"of ours it may import {', '.join(self.ours) or 'nothing'}"
        elif root in self.only:
            doors = self.only[root]
            allowed = any(is_in(found.importer, f"{self.service}.{each}") for each in doors)
            what = f"{root} is imported in {', '.join(doors)} alone"
        else:
            allowed = root not in self.never
            what = f"it never imports {', '.join(self.never)}"
        if allowed:
            return None
        return f"{found.importer} imports {found.imported}. {self.room}: {self.promise} So {what}."


_REWRITING_ALONE: Final = (
    "aiohttp",
    "asyncio",
    "emailopens",
    "google",
    "grpc",
    "service_runtime",
    "sqlalchemy",
    "structlog",
)


def _reader(name: str, promise: str) -> Rule:
    """Return the rule of a room of the rewriting: they know the values, and not each other."""
    return Rule(
        room=f"{INJECTOR}.rewriting.{name}",
        promise=promise,
        ours=("rewriting.budget", "rewriting.edit", "rewriting.outcome"),
        never=_REWRITING_ALONE,
    )


RULES: Final = (
    _reader("mime", "Finds fields, parts and addresses in octets, by offsets."),
    _reader("transfer_encoding", "Decodes a part's body once, and edits its encoded form."),
    _reader("charset", "Shows a text as ASCII markup, whatever its charset."),
    _reader("html", "Says where a pixel can stand in HTML, and which pixels are ours."),
    Rule(
        room=f"{INJECTOR}.rewriting",
        promise="Octets in, octets out, without any I/O.",
        never=_REWRITING_ALONE,
    ),
    Rule(
        room=f"{INJECTOR}.configurations",
        promise="Says who is tracked and how, and knows neither pixels nor the contract.",
        ours=("base_url", "errors", "privacy", "rewriting.Placement", "rewriting.mime"),
        never=("aiohttp", "emailopens", "grpc"),
        only={"sqlalchemy": ("configurations.store",)},
    ),
    Rule(
        room=f"{INJECTOR}.tracking",
        promise="Counts what was tracked, and keeps nothing of a message.",
        ours=("configurations.store.answering", "errors", "privacy"),
        never=("aiohttp", "emailopens", "grpc"),
        only={"sqlalchemy": ("tracking.store", "tracking.tables")},
    ),
    Rule(
        room=f"{INJECTOR}.objections",
        promise="Knows who has objected, by the contract of the pixel service alone.",
        ours=(
            "configurations.store.answering",
            "errors",
            "pixel_service",
            "rewriting.Outcome",
            "rewriting.Rewritten",
        ),
        never=("aiohttp",),
        only={
            "emailopens": ("objections.follower",),
            "grpc": ("objections.follower",),
            "sqlalchemy": ("objections.store", "objections.tables"),
        },
    ),
    Rule(
        room=f"{INJECTOR}.pixels",
        promise="Says what a pixel says of its message, sealed.",
        ours=(
            "configurations",
            "privacy",
            "rewriting.MAX_UNBROKEN_URL_CHARACTERS",
            "rewriting.MAX_URL_CHARACTERS",
            "rewriting.MadePixel",
            "rewriting.MakePixel",
            "rewriting.PIXEL_PATH",
            "rewriting.Pixel",
            "rewriting.RewriteWarning",
            "rewriting.mime",
        ),
        never=("aiohttp", "grpc", "sqlalchemy"),
        only={"emailopens": ("pixels.token_sealer",)},
    ),
    Rule(
        room=f"{INJECTOR}.injector",
        promise="Puts a rewriting together from values: it speaks no contract.",
        ours=(
            "configurations",
            "new_ids",
            "objections.NOBODY",
            "objections.Objected",
            "pixels",
            "privacy",
            "copy_plan",
            "recipients_request",
            "rewrite_request",
            "rewriter",
            "rewriting",
            "rewriting_pool",
            "rewriting_process",
            "tracking.TrackedCounter",
        ),
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{INJECTOR}.copy_plan",
        promise="Says which copies are tracked, and makes none.",
        ours=(
            "configurations",
            "errors",
            "pixels",
            "privacy",
            "recipients_request",
            "rewriting",
        ),
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{INJECTOR}.rewriter",
        promise="Says where a rewriting is done, and not what it is.",
        ours=("pixels", "rewriting", "rewriting_pool", "rewriting_process"),
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{INJECTOR}.grpc_api",
        promise="From messages to values and back; no rules of its own.",
        ours=(
            "configurations",
            "copy_plan",
            "errors",
            "injector",
            "metrics",
            "new_ids",
            "pixels",
            "privacy",
            "recipients_request",
            "rewrite_request",
            "rewriting.Outcome",
            "rewriting.Placement",
            "rewriting.RewriteWarning",
            "tracking",
        ),
        never=("aiohttp", "sqlalchemy"),
    ),
    Rule(
        room=f"{INJECTOR}.cli",
        promise="Calls the service through the contract, and starts without loading it.",
        ours=(
            "errors",
            "pixel_service",
            "privacy",
            "server",
            "settings",
        ),
    ),
    Rule(
        room=f"{PIXEL}.evidence",
        promise="Judges a fetch by what it was told of it.",
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.range_updates",
        promise="Brings published address ranges to where the service looks for them.",
        ours=("evidence",),
        never=("emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.privacy",
        promise="The only doors to what is kept.",
        ours=("evidence",),
        never=("aiohttp", "grpc", "sqlalchemy"),
        only={"emailopens": ("privacy.kept_message",)},
    ),
    Rule(
        room=f"{PIXEL}.protobuf_octets",
        promise="Protobuf's encoding, and no message of ours.",
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.notification",
        promise="A notification's octets, whoever stores or sends them.",
        ours=("evidence", "privacy", "protobuf_octets"),
        never=("aiohttp", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.endpoint",
        promise="Answers mail clients, whatever happens to an open after that.",
        ours=("evidence", "intake"),
        never=("emailopens", "google", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.intake",
        promise="From a fetch to what may be kept of it.",
        ours=("errors", "evidence", "open_log", "privacy"),
        never=("aiohttp", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.journal",
        promise="Keeps octets on the local disk, whatever they say.",
        never=("aiohttp", "emailopens", "google", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.recording",
        promise="Brings kept opens into the open log.",
        ours=("errors", "journal", "notification", "open_log", "privacy"),
        never=("aiohttp", "grpc", "sqlalchemy"),
        only={"emailopens": ("recording.notifying",)},
    ),
    Rule(
        room=f"{PIXEL}.open_log",
        promise="Keeps octets in order, whatever they say.",
        ours=("errors",),
        never=("aiohttp", "emailopens", "google", "grpc"),
        only={
            # `connecting` reads URLs as SQLAlchemy does.
            "sqlalchemy": (
                "open_log.connecting",
                "open_log.postgres",
                "open_log.sql",
                "open_log.sqlite",
            ),
            "asyncpg": ("open_log.postgres",),
            "aiosqlite": ("open_log.sqlite",),
        },
    ),
    Rule(
        room=f"{PIXEL}.statistics",
        promise="What an open counts as, and which counts are told; the log counts.",
        ours=("evidence", "intake", "notification", "open_log"),
        never=("aiohttp", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.streaming",
        promise="Follows the log's positions; servicers put them on the wire.",
        ours=("errors", "open_log"),
        never=("aiohttp", "emailopens", "google", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.webhooks",
        promise="Delivers what follows a place; who manages webhooks is the servicers' business.",
        ours=("errors", "open_log", "streaming"),
        never=("grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.grpc_api",
        promise="From messages to values and back; no rules of its own.",
        ours=(
            "erasing",
            "errors",
            "notification",
            "open_log",
            "protobuf_octets",
            "rejudging",
            "service_status",
            "statistics",
            "streaming",
            "webhooks",
        ),
        never=("aiohttp", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.service_status",
        promise="Knows what waits in the journals, and is told the rest.",
        ours=("journal",),
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.erasing",
        promise="Knows whose opens they are, and that some wait outside the log.",
        ours=("notification", "open_log"),
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.rejudging",
        promise="Judges again what the log holds, by what was kept.",
        ours=("errors", "evidence", "notification", "open_log"),
        never=("aiohttp", "emailopens", "google", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.housekeeping",
        promise="Keeps the log within its limits.",
        ours=("errors", "open_log"),
        never=("aiohttp", "emailopens", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.counting",
        promise="Has the log count, and knows nothing of what.",
        ours=("errors", "open_log"),
        never=("aiohttp", "emailopens", "google", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.collecting",
        promise="A client of the injector by the contract alone.",
        ours=("errors", "injector_tls", "injectors", "open_log", "settings"),
        never=("aiohttp", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.injectors",
        promise="Says which there are, in processes that lack gRPC, too.",
        never=("aiohttp", "emailopens", "emailopens_client", "grpc", "sqlalchemy"),
    ),
    Rule(
        room=f"{PIXEL}.page",
        promise="A client of the contract, as any other, that answers browsers.",
        never=("sqlalchemy",),
    ),
    Rule(
        room=f"{BRIDGE}.smtp",
        promise="The words of SMTP, without any I/O.",
        never=("aiohttp", "asyncio", "emailopens", "google", "grpc", "service_runtime"),
    ),
    Rule(
        room=f"{BRIDGE}.front",
        promise="Takes messages in, and knows the next hop by what it answers.",
        ours=("smtp", "transaction"),
        never=("aiohttp", "emailopens", "google", "grpc"),
    ),
    Rule(
        room=f"{BRIDGE}.delivery",
        promise="Sends each recipient's copy, tracked or not, and knows no client.",
        ours=("filter", "next_hop", "smtp", "transaction", "when_untracked"),
        never=("aiohttp",),
    ),
    Rule(
        room=f"{BRIDGE}.next_hop",
        promise="Speaks with the next hop, whatever it is told to say.",
        ours=("smtp", "transaction"),
        never=("aiohttp", "emailopens", "google", "grpc"),
    ),
    Rule(
        room=f"{BRIDGE}.filter",
        promise="A program for one message, which loads little more than a socket.",
        ours=("when_untracked",),
        never=(*_REWRITING_ALONE, "click", "dataclasses"),
    ),
    Rule(
        room=f"{BRIDGE}.cli",
        promise="Starts without loading what it may not need.",
        ours=("delivery", "filter", "front", "next_hop", "server", "settings", "when_untracked"),
    ),
    Rule(
        room=BRIDGE,
        promise="A client of the injector by its contract alone, without a disk of its own.",
        never=("aiohttp", "sqlalchemy", INJECTOR, PIXEL),
    ),
    Rule(
        room="service_runtime",
        promise="What any process needs, and no drawer for what two services share.",
        never=("emailopens", BRIDGE, INJECTOR, PIXEL),
    ),
    Rule(
        room="emailopens_client",
        promise="Needs the stubs and gRPC, and neither service.",
        never=(BRIDGE, INJECTOR, PIXEL, "service_runtime"),
    ),
)


@pytest.mark.parametrize("rule", RULES, ids=[rule.room for rule in RULES])
def test_room_imports_what_it_may(rule: Rule) -> None:
    """A module imports what its room's rule allows, and nothing else of ours."""
    found = imports_of(rule.room)

    assert found, f"{rule.room} is gone: so should its rule be"
    assert [broken for each in found if (broken := rule.broken_by(each))] == []


@pytest.mark.parametrize(
    ("importer", "imported", "broken"),
    [
        (f"{INJECTOR}.rewriting.html.scan", f"{INJECTOR}.rewriting.mime.header", True),
        (f"{INJECTOR}.rewriting.html.scan", f"{INJECTOR}.rewriting.outcome", False),
        (f"{INJECTOR}.rewriting.html.scan", f"{INJECTOR}.rewriting.html.head", False),
        (f"{INJECTOR}.rewriting.html.scan", "asyncio", True),
        (f"{INJECTOR}.rewriting.html.scan", "re", False),
    ],
)
def test_wrong_import_is_named_with_its_rule(importer: str, imported: str, *, broken: bool) -> None:
    """What fails says who imported what, and what the room promises."""
    rule = next(rule for rule in RULES if rule.room == f"{INJECTOR}.rewriting.html")

    sentence = rule.broken_by(Import(importer, imported))

    assert (sentence is not None) == broken
    if sentence is not None:
        assert importer in sentence
        assert imported in sentence
        assert rule.promise in sentence


@pytest.mark.parametrize("service", [INJECTOR, BRIDGE])
def test_rooms_are_entered_by_their_faces(service: str) -> None:
    """Whoever is outside a package imports from the package itself, not a module inside it."""
    passed = [found for found in imports_of(service) if room_passed(found) is not None]

    assert passed == []


# What is imported by its own name all the same, because a face would load an HTTP client or
# server with it that only one command needs.
_BY_THEIR_OWN_NAMES: Final = (
    f"{PIXEL}.endpoint.client_address",
    f"{PIXEL}.endpoint.handler",
    f"{PIXEL}.endpoint.serving",
)


@pytest.mark.parametrize(
    "room",
    [
        "endpoint",
        "evidence",
        "grpc_api",
        "intake",
        "journal",
        "notification",
        "open_log",
        "privacy",
        "range_updates",
        "recording",
        "statistics",
        "streaming",
        "webhooks",
    ],
)
def test_room_of_the_pixel_service_is_entered_by_its_face(room: str) -> None:
    """The same; inside, modules import modules, also from the packages of the open log."""
    package = f"{PIXEL}.{room}"
    passed = [
        found
        for found in imports_of(PIXEL)
        if is_in(found.imported, package)
        and not is_in(found.importer, package)
        and room_passed(found) is not None
        and not any(is_in(found.imported, name) for name in _BY_THEIR_OWN_NAMES)
    ]

    assert passed == []


@pytest.mark.parametrize(
    ("importer", "imported", "room"),
    [
        (f"{INJECTOR}.injector", f"{INJECTOR}.pixels.maker.PixelMaker", f"{INJECTOR}.pixels"),
        (f"{INJECTOR}.injector", f"{INJECTOR}.pixels.PixelMaker", None),
        (f"{INJECTOR}.pixels", f"{INJECTOR}.pixels.maker.PixelMaker", None),
        (f"{INJECTOR}.server", f"{INJECTOR}.settings.Settings", None),
        (f"{INJECTOR}.injector", "asyncio", None),
    ],
)
def test_face_that_is_passed_over_is_noticed(
    importer: str, imported: str, room: str | None
) -> None:
    """A module inside a package is told from what the package offers."""
    assert room_passed(Import(importer, imported)) == room


def test_every_room_has_a_rule() -> None:
    """A new package of a service cannot be forgotten here."""
    rooms = {
        f"{service}.{folder.name}"
        for service in (BRIDGE, INJECTOR, PIXEL)
        for folder in (ROOT / service).iterdir()
        if (folder / "__init__.py").exists()
    }

    # The pixel service's commands reach for what they need: offline ones open the log.
    assert rooms - {rule.room for rule in RULES} == {f"{PIXEL}.cli"}


def test_services_know_each_other_only_through_the_contract() -> None:
    """None imports another: each can be deployed and replaced alone."""
    assert {PIXEL, BRIDGE}.isdisjoint(roots_of(INJECTOR))
    assert {INJECTOR, BRIDGE}.isdisjoint(roots_of(PIXEL))
    assert {INJECTOR, PIXEL}.isdisjoint(roots_of(BRIDGE))


@pytest.mark.parametrize(
    ("service", "module"),
    [(INJECTOR, "server"), (PIXEL, "server"), (PIXEL, "supervisor")],
)
def test_only_the_command_that_serves_puts_a_service_together(service: str, module: str) -> None:
    """These may import everything, because nothing imports them but `cli.serve`."""
    importers = {
        found.importer
        for found in imports_of(service)
        if is_in(found.imported, f"{service}.{module}")
    }

    assert importers == {f"{service}.cli.serve"}


@pytest.mark.parametrize("one", ["sqlite", "postgres"])
def test_databases_do_not_know_each_other(one: str) -> None:
    """What both databases share is in `open_log.sql`."""
    other = {"sqlite": "postgres", "postgres": "sqlite"}[one]

    assert not [
        found
        for found in imports_of(f"{PIXEL}.open_log.{one}")
        if is_in(found.imported, f"{PIXEL}.open_log.{other}")
    ]
