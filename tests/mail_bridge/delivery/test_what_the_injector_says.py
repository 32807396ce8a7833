"""What the injector refuses is counted by its reason, said once, and keeps no mail back."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from emailopens.errors.v1 import error_reason_pb2
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens_client.api_keys import ApiKeyFile, ApiKeyUnusable
from emailopens_client.channels import Tls
from examples.pair import free_ports
from injector_service import server as injector_server
from injector_service.pixel_service import PixelService
from injector_service.settings import Settings as InjectorSettings
from mail_bridge.delivery import Injector, TrackingSettings, WhenUntracked
from service_runtime.api_keys.key_file import remove_key
from service_runtime.callers import Caller, Role
from service_runtime.drain import Drain
from service_runtime.protection import Protection
from tests.fixtures.api_keys import a_key, bearer
from tests.fixtures.in_process import running_in_process
from tests.fixtures.tls_services import Certificates, an_injector_service
from tests.mail_bridge.a_bridge import HTML, TEXT, configured
from tests.mail_bridge.a_next_hop import ANextHop
from tests.mail_bridge.delivery.a_delivery import a_delivery

# Deliveries after which something must have happened; more of them are a failure.
MANY = 3_000


def said_of_configurations(logs: Sequence[MutableMapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in logs if "configuration" in each["event"]]


@contextlib.asynccontextmanager
async def a_small_injector(folder: Path) -> AsyncIterator[str]:
    """Run one that takes small messages."""
    settings = InjectorSettings(grpc="127.0.0.1:0", data=folder, max_message_octets=1_000)
    drain = Drain(grace=dt.timedelta(seconds=1))
    async with running_in_process(injector_server.serve, settings, drain) as where:
        yield where


async def test_large_message_passes(tmp_path: Path) -> None:
    """What is larger than the injector takes goes on, also if other mail is deferred."""
    async with a_small_injector(tmp_path) as address:
        for when_untracked in WhenUntracked:
            # The second is refused by gRPC, and not by the injector.
            for octets in (2_000, 4_000_000):
                hop = ANextHop()
                message = HTML + b"x" * octets + b"\r\n"
                async with a_delivery(hop, address, when_untracked=when_untracked) as delivery:
                    assert [each.code for each in await delivery.deliver(message)] == [250]
                assert [each.message for each in hop.received] == [message]
                assert delivery.untracked() == {"message_too_large": 1.0}


class _Stating(injector_pb_grpc.InjectorServiceServicer):
    """Says of each message what it was told to, and no more than one copy a call if it is slow."""

    def __init__(
        self, splices: Sequence[injector_pb.Splice], *, is_slow: bool, too_many: int
    ) -> None:
        self._splices = splices
        self._is_slow = is_slow
        self._too_many = too_many

    async def RewriteForRecipients(  # noqa: N802 - gRPC's name
        self,
        request: injector_pb.RewriteForRecipientsRequest,
        context: object,  # noqa: ARG002 - gRPC's own
    ) -> injector_pb.RewriteForRecipientsResponse:
        addresses = [each.address for each in request.recipients]
        results = [self._result(each) for each in addresses + ["nobody"] * self._too_many]
        if self._is_slow:
            left_over = injector_pb.RewriteForRecipientsResponse.Result(
                outcome=injector_pb.RewriteMessageResponse.OUTCOME_RECIPIENT_ERROR
            )
            left_over.error.reason = error_reason_pb2.ERROR_REASON_RECIPIENT_LEFT_OVER
            results[1:] = [left_over] * len(results[1:])
        return injector_pb.RewriteForRecipientsResponse(results=results)

    def _result(self, address: str) -> injector_pb.RewriteForRecipientsResponse.Result:
        result = injector_pb.RewriteForRecipientsResponse.Result(
            outcome=injector_pb.RewriteMessageResponse.OUTCOME_TRACKED, splices=self._splices
        )
        for each in result.splices:
            each.insert = each.insert.replace(b"ADDRESS", address.encode())
        return result


@contextlib.asynccontextmanager
async def a_stating_injector(
    splices: Sequence[injector_pb.Splice], *, is_slow: bool = False, too_many: int = 0
) -> AsyncIterator[str]:
    """Run it; yields where."""
    server = grpc.aio.server()
    stating = _Stating(splices, is_slow=is_slow, too_many=too_many)  # type: ignore[abstract]  # there are no other calls
    injector_pb_grpc.add_InjectorServiceServicer_to_server(stating, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    "splices",
    [
        [injector_pb.Splice(offset=len(HTML), delete_count=1)],
        [injector_pb.Splice(offset=len(HTML) + 1, insert=b"x")],
        [injector_pb.Splice(offset=9, insert=b"x"), injector_pb.Splice(offset=8, insert=b"x")],
    ],
)
async def test_changes_of_another_message_are_not_made(
    splices: Sequence[injector_pb.Splice],
) -> None:
    """The message goes on as it came."""
    hop = ANextHop()
    async with a_stating_injector(splices) as address, a_delivery(hop, address) as delivery:
        assert [each.code for each in await delivery.deliver(HTML)] == [250]

    assert [each.message for each in hop.received] == [HTML]
    assert delivery.untracked() == {"injector_error": 1.0}


async def test_more_copies_than_recipients_are_nobodys() -> None:
    """Nobody knows whose is whose then, so the message goes on as it came."""
    hop = ANextHop()
    splices = [injector_pb.Splice(offset=len(HTML), insert=b"x\r\n")]
    async with (
        a_stating_injector(splices, too_many=1) as address,
        a_delivery(hop, address) as delivery,
    ):
        assert [each.code for each in await delivery.deliver(HTML)] == [250]

    assert [each.message for each in hop.received] == [HTML]
    assert delivery.untracked() == {"injector_error": 1.0}


async def test_copies_that_one_call_leaves_over_are_made_by_the_next() -> None:
    """Whoever comes late in a long list has a pixel, too, and nobody else's."""
    hop = ANextHop()
    to = ("a@example.net", "b@example.net", "c@example.net")
    splices = [injector_pb.Splice(offset=len(HTML), insert=b"ADDRESS\r\n")]
    async with (
        a_stating_injector(splices, is_slow=True) as address,
        a_delivery(hop, address) as delivery,
    ):
        assert [each.code for each in await delivery.deliver(HTML, *to)] == [250] * 3

    came = {each.recipients[0]: each.message for each in hop.received}
    assert came == {f"TO:<{each}>".encode(): HTML + f"{each}\r\n".encode() for each in to}
    assert delivery.tracked() == 3.0


async def test_configuration_that_does_not_exist_is_said_once(injector: str) -> None:
    """One line at the start names it, and mail passes."""
    hop = ANextHop()
    with capture_logs() as logs:
        async with a_delivery(hop, injector, configuration_ids=("gone",)) as delivery:
            for _ in range(MANY):
                assert [each.code for each in await delivery.deliver(HTML)] == [250]
                if len(hop.received) > 2 and (lines := said_of_configurations(logs)):
                    break

    assert [(each["event"], "gone" in each["reason"]) for each in lines] == [
        ("configuration cannot be used, mail goes on untracked", True)
    ]
    assert {HTML} == {each.message for each in hop.received}
    assert set(delivery.untracked()) == {"configuration_not_found"}


async def test_configuration_that_a_message_names_wrongly_is_its_own_matter(injector: str) -> None:
    """A header field that names none keeps nobody else's mail from being tracked."""
    hop = ANextHop()
    async with a_delivery(hop, injector, when_untracked=WhenUntracked.DEFER) as delivery:
        wrong = b"X-Configuration-Id: gone\r\n" + HTML
        assert [each.code for each in await delivery.deliver(wrong)] == [250]
        assert [each.code for each in await delivery.deliver(HTML)] == [250]

    assert hop.received[0].message == wrong
    assert delivery.untracked() == {"configuration_not_found": 1.0}
    assert delivery.tracked() == 1.0


async def test_message_by_message_the_reason_is_counted(injector: str) -> None:
    """What the injector makes of a message is a name in the metrics."""
    hop = ANextHop()
    async with a_delivery(hop, injector) as delivery:
        await delivery.deliver(TEXT, "a@example.net", "b@example.net")
        await delivery.deliver(HTML)

    assert delivery.untracked() == {"no_html_part": 2.0}
    assert delivery.tracked() == 1.0


async def test_message_without_a_pixel_for_objections_passes_untouched(tmp_path: Path) -> None:
    """Also where the injector has yet to hear who has objected; the reason is counted."""
    settings = InjectorSettings(
        grpc="127.0.0.1:0",
        data=tmp_path,
        pixel_service=PixelService(target=f"127.0.0.1:{free_ports(1)}"),
    )
    hop = ANextHop()
    async with running_in_process(injector_server.serve, settings, Drain()) as address:
        await configured(address)
        async with a_delivery(hop, address, when_untracked=WhenUntracked.DEFER) as delivery:
            assert [each.code for each in await delivery.deliver(HTML)] == [250]

    assert hop.received[0].message == HTML
    assert delivery.untracked() == {"objections_unknown": 1.0}


@pytest.mark.guarantee("G11", "refuses")
async def test_wrong_key_is_said_and_a_right_one_is_taken_up(tmp_path: Path) -> None:
    """Mail passes while the injector refuses the bridge, and is tracked with another key."""
    keys, mine = tmp_path / "keys", tmp_path / "mine"
    _, wrong = a_key(tmp_path / "others", Role.SENDER)
    _, admin = a_key(keys, Role.ADMIN)
    _, right = a_key(keys, Role.SENDER)
    mine.write_text(wrong)
    hop = ANextHop()
    async with an_injector_service(tmp_path, Protection(), api_keys=keys) as address:
        await configured(address, metadata=bearer(admin))
        async with a_delivery(hop, address, api_key=ApiKeyFile(mine)) as delivery:
            for _ in range(5):
                assert [each.code for each in await delivery.deliver(HTML)] == [250]
            assert set(delivery.untracked()) <= {"injector_refuses", "injector_away"}
            mine.write_text(right)
            for _ in range(MANY):
                await delivery.deliver(HTML)
                if delivery.tracked():
                    break
                await asyncio.sleep(0.01)

    assert {each.message for each in hop.received[:-1]} == {HTML}
    assert b"<img" in hop.received[-1].message


async def until_refused(injector: str, key: str) -> None:
    """Call with *key* until it may not."""
    async with grpc.aio.insecure_channel(injector) as channel:
        stub = injector_pb_grpc.InjectorServiceStub(channel)
        for _ in range(MANY):
            try:
                await stub.RewriteMessage(
                    injector_pb.RewriteMessageRequest(raw_message=TEXT, configuration_ids=["news"]),
                    metadata=bearer(key),
                )
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAUTHENTICATED  # noqa: PT017 - how it ends
                return
            await asyncio.sleep(0.01)
    raise AssertionError("never refused")


async def test_key_that_is_replaced_costs_no_pixel(tmp_path: Path) -> None:
    """A key that has been revoked is refused, and the file has the next one by then."""
    keys, mine = tmp_path / "keys", tmp_path / "mine"
    _, admin = a_key(keys, Role.ADMIN)
    old_id, old = a_key(keys, Role.SENDER)
    _, new = a_key(keys, Role.SENDER)
    mine.write_text(old)
    hop = ANextHop()
    async with an_injector_service(tmp_path, Protection(), api_keys=keys) as address:
        await configured(address, metadata=bearer(admin))
        async with a_delivery(hop, address, api_key=ApiKeyFile(mine)) as delivery:
            await delivery.deliver(HTML)
            mine.write_text(new)
            remove_key(keys, old_id)
            await until_refused(address, old)
            await delivery.deliver(HTML)

    assert delivery.tracked() == 2.0


async def test_key_file_that_is_empty_for_a_moment_keeps_no_mail_back(tmp_path: Path) -> None:
    """Whoever replaces it may be in the middle of that while mail comes."""
    keys, mine = tmp_path / "keys", tmp_path / "mine"
    _, admin = a_key(keys, Role.ADMIN)
    old_id, old = a_key(keys, Role.SENDER)
    mine.write_text(old)
    hop = ANextHop()
    async with an_injector_service(tmp_path, Protection(), api_keys=keys) as address:
        await configured(address, metadata=bearer(admin))
        async with a_delivery(hop, address, api_key=ApiKeyFile(mine)) as delivery:
            await delivery.deliver(HTML)
            mine.write_text("")
            remove_key(keys, old_id)
            await until_refused(address, old)
            assert [each.code for each in await delivery.deliver(HTML)] == [250]

    assert delivery.untracked() == {"injector_refuses": 1.0}


@pytest.mark.parametrize("text", ["", "no key"])
async def test_file_without_a_key_is_a_mistake_at_the_start(tmp_path: Path, text: str) -> None:
    """Nobody wants mail to go on untracked for that, unseen."""
    file = tmp_path / "key"
    file.write_text(text)

    with pytest.raises(ApiKeyUnusable):
        await Injector(TrackingSettings(api_key=ApiKeyFile(file))).open()


async def test_injector_is_called_by_tls(tmp_path: Path) -> None:
    """With an authority and a certificate of the bridge's own, as other clients are."""
    certificates = Certificates(tmp_path / "tls")
    certificate, key = certificates.client
    tls = Tls(ca=certificates.ca, certificate=certificate, key=key)
    protection = Protection(
        grpc_tls=certificates.mutual, client_roles={"crm": Caller(role=Role.SENDER, name="crm")}
    )
    hop = ANextHop()
    async with (
        an_injector_service(tmp_path, protection) as address,
        a_delivery(hop, address, tls=tls, configuration_ids=()) as delivery,
    ):
        await delivery.deliver(HTML)

    assert delivery.untracked() == {"no_configuration": 1.0}
