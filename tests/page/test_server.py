"""The page of a running service: who may look, and by what."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from injector_service import server as injector_server
from injector_service.settings import Settings as InjectorSettings
from pixel_service.endpoint.client_address import IpNetwork
from pixel_service.injectors import Injectors
from pixel_service.page_process import running_page
from pixel_service.server import Addresses, serve
from pixel_service.settings import Settings
from pixel_service.start_check import REFUSALS, check
from service_runtime.api_keys.key_file import remove_key
from service_runtime.callers import Caller, Role
from service_runtime.drain import Drain
from service_runtime.protection import Protection
from tests.fixtures.api_keys import a_key
from tests.fixtures.in_process import running_in_process
from tests.fixtures.tls_services import Certificates

FREE = "127.0.0.1:0"


@contextlib.asynccontextmanager
async def a_page(
    folder: Path,
    *,
    api_keys: Path | None = None,
    protection: Protection | None = None,
    injectors: Injectors | None = None,
    listen: str = FREE,
    trusted_proxies: tuple[IpNetwork, ...] = (),
) -> AsyncIterator[str]:
    """Run the service with a page; yields the page's address."""
    settings = Settings(
        http=FREE,
        grpc=FREE,
        admin=FREE,
        page=listen,
        data=folder / "data",
        api_keys=api_keys,
        protection=protection or Protection(),
        injectors=injectors or Injectors(),
        trusted_proxies=trusted_proxies,
    )
    addresses: Addresses
    async with running_in_process(serve, settings, Drain()) as addresses:
        assert addresses.page is not None
        yield addresses.page


@contextlib.asynccontextmanager
async def a_browser(url: str, **more: object) -> AsyncIterator[aiohttp.ClientSession]:
    """Keep cookies, also those of an address, and say where forms are sent from."""
    async with aiohttp.ClientSession(
        url,
        cookie_jar=aiohttp.CookieJar(unsafe=True),
        headers={"Origin": url},
        **more,  # type: ignore[arg-type] # options by their names
    ) as session:
        yield session


async def log_in(browser: aiohttp.ClientSession, api_key: str) -> tuple[int, str]:
    """Show a key; return the status of the page that comes then, and its text."""
    async with browser.post("/login", data={"api_key": api_key}) as response:
        return response.status, await response.text()


async def test_without_keys_whoever_gets_there_looks(tmp_path: Path) -> None:
    """As the service itself does: on this machine nobody is asked."""
    async with a_page(tmp_path) as address, a_browser(f"http://{address}") as browser:
        async with browser.get("/") as response:
            assert response.status == 200
        async with browser.get("/login") as response:
            assert response.status == 404


@pytest.mark.parametrize(
    ("listen", "trusted_proxies", "taken"),
    [
        ("127.0.0.1:0", (), 150),
        ("0.0.0.0:0", (), 100),
        ("0.0.0.0:0", ("127.0.0.0/8",), 150),
        ("0.0.0.0:0", ("192.0.2.0/24",), 100),
    ],
)
async def test_proxy_in_front_has_all_connections(
    tmp_path: Path, listen: str, trusted_proxies: Sequence[str], taken: int
) -> None:
    """All who come through it have its address; from elsewhere nobody takes them all."""
    proxies = tuple(ipaddress.ip_network(each) for each in trusted_proxies)
    open_to_all = Protection(allows_plaintext=True, allows_no_keys=True)
    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(
            a_page(tmp_path, listen=listen, protection=open_to_all, trusted_proxies=proxies)
        )
        port = address.rpartition(":")[2]
        open_ones = 0
        for _ in range(150):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            stack.callback(writer.close)
            writer.write(b"HEAD /login HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n" % port.encode())
            # A connection that is refused is closed without a word.
            with contextlib.suppress(ConnectionError):
                open_ones += bool(await reader.read(1))
        assert open_ones == taken


async def test_whoever_shows_a_key_looks_until_logging_out(tmp_path: Path) -> None:
    """The first page leads to the question; the key is in no page that follows."""
    keys = tmp_path / "keys"
    _, key = a_key(keys, Role.SUBSCRIBER)
    async with (
        a_page(tmp_path, api_keys=keys) as address,
        a_browser(f"http://{address}") as browser,
    ):
        async with browser.get("/messages") as response:
            assert response.url.path == "/login"
            assert "<nav" not in await response.text()
        status, text = await log_in(browser, f" {key} ")
        assert status == 200
        assert '<a href="/messages">' in text
        assert "Role: subscriber" in text
        assert key not in text
        async with browser.get("/messages") as response:
            assert response.url.path == "/messages"
        async with browser.post("/logout") as response:
            assert response.url.path == "/login"
        async with browser.get("/messages") as response:
            assert response.url.path == "/login"


@pytest.mark.parametrize("wrong", ["", "password", "eo_admin_0123456789_wrong", "x" * 10_000])
async def test_what_is_no_key_is_refused(tmp_path: Path, wrong: str) -> None:
    """And nothing of it is shown again."""
    keys = tmp_path / "keys"
    a_key(keys, Role.ADMIN)
    async with (
        a_page(tmp_path, api_keys=keys) as address,
        a_browser(f"http://{address}") as browser,
    ):
        status, text = await log_in(browser, wrong)
        assert status == 401
        assert wrong in {"", "password"} or wrong not in text
        async with browser.get("/messages") as response:
            assert response.url.path == "/login"


async def test_senders_have_nothing_to_look_at(tmp_path: Path) -> None:
    """A key that is there to send shows no opens."""
    keys = tmp_path / "keys"
    _, key = a_key(keys, Role.SENDER)
    async with (
        a_page(tmp_path, api_keys=keys) as address,
        a_browser(f"http://{address}") as browser,
    ):
        assert (await log_in(browser, key))[0] == 403


async def test_key_of_an_operator_shows_no_opens(tmp_path: Path) -> None:
    """The service says what a role may do, on the page as everywhere; no menu leads there."""
    keys = tmp_path / "keys"
    _, key = a_key(keys, Role.OPERATOR)
    async with (
        a_page(tmp_path, api_keys=keys) as address,
        a_browser(f"http://{address}") as browser,
    ):
        _, text = await log_in(browser, key)
        assert '<a href="/webhooks">' in text
        assert '<a href="/messages">' not in text
        async with browser.get("/messages/m1") as response:
            assert response.status == 403
            assert "Your key does not allow that" in await response.text()


async def test_key_that_is_revoked_ends_what_it_began(tmp_path: Path) -> None:
    """The next page leads to the login, and opens come no more in one that is open."""
    keys = tmp_path / "keys"
    key_id, key = a_key(keys, Role.SUBSCRIBER)
    a_key(keys, Role.ADMIN)
    async with (
        a_page(tmp_path, api_keys=keys) as address,
        a_browser(f"http://{address}") as browser,
    ):
        await log_in(browser, key)
        async with browser.get("/live") as response:
            assert response.status == 200
            remove_key(keys, key_id)
            async with asyncio.timeout(60):
                await response.content.read()
        async with browser.get("/live") as response:
            assert response.status == 503
        while True:
            async with browser.get("/messages/m1") as response:
                if response.url.path == "/login":
                    break
            # There is nothing to wait for but the next attempt.
            await asyncio.sleep(0.05)


async def test_cookie_is_for_this_page_alone(tmp_path: Path) -> None:
    """No script reads it, no other site sends it, and by TLS no other host can set it."""
    keys = tmp_path / "keys"
    _, key = a_key(keys, Role.SUBSCRIBER)
    certificates = Certificates(tmp_path / "certificates")
    protection = Protection(page_tls=certificates.plain)
    async with (
        a_page(tmp_path, api_keys=keys, protection=protection) as address,
        a_browser(
            f"https://{address}", connector=aiohttp.TCPConnector(ssl=certificates.context())
        ) as browser,
        browser.post("/login", data={"api_key": key}, allow_redirects=False) as response,
    ):
        name, _, rest = response.headers["Set-Cookie"].partition("=")
        attributes = {each.strip() for each in rest.split(";")[1:]}

    assert name == "__Host-emailopens"
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= attributes


async def test_message_is_tested_by_the_injector_that_is_named(tmp_path: Path) -> None:
    """With the key of whoever looks, if the injector service takes it for sending."""
    keys = tmp_path / "keys"
    _, admin = a_key(keys, Role.ADMIN)
    _, subscriber = a_key(keys, Role.SUBSCRIBER)
    injector = InjectorSettings(grpc=FREE, data=tmp_path / "injector", api_keys=keys)
    said = {}
    async with (
        running_in_process(injector_server.serve, injector, Drain()) as target,
        a_page(tmp_path, api_keys=keys, injectors=Injectors(targets=(target,))) as address,
    ):
        for role, key in {"admin": admin, "subscriber": subscriber}.items():
            async with a_browser(f"http://{address}") as browser:
                await log_in(browser, key)
                form = aiohttp.FormData({"raw": "Subject: x", "configurations": "nosuch"})
                form.add_field("recipient", "", content_type="text/plain")
                async with browser.post("/test-message", data=form) as response:
                    said[role] = await response.text()

    assert "There is no such thing" in said["admin"]
    assert "Your key does not allow that" in said["subscriber"]


@pytest.mark.parametrize(
    ("target", "allows_plaintext", "has_keys", "is_refused"),
    [
        ("192.0.2.1", False, True, True),
        ("192.0.2.1", True, True, False),
        ("192.0.2.1", False, False, False),
        ("127.0.0.1", False, True, False),
    ],
)
async def test_key_is_not_sent_where_others_would_see_it(
    tmp_path: Path, target: str, *, allows_plaintext: bool, has_keys: bool, is_refused: bool
) -> None:
    """To another machine in the clear: messages are not tested then, and the log says why."""
    settings = Settings(
        page=FREE,
        data=tmp_path,
        api_keys=tmp_path / "keys" if has_keys else None,
        injectors=Injectors(targets=(target,)),
        protection=Protection(allows_plaintext=allows_plaintext),
    )
    with capture_logs() as logged:
        async with running_page(settings, None):
            pass

    assert ("messages cannot be tested" in [each["event"] for each in logged]) == is_refused


async def test_cookie_is_secure_also_behind_a_proxy_that_speaks_tls(tmp_path: Path) -> None:
    """The browser says so; and whoever logs in again is no longer who they were."""
    keys = tmp_path / "keys"
    _, key = a_key(keys, Role.SUBSCRIBER)
    proxy = {"Host": "opens.example", "Origin": "https://opens.example"}
    async with (
        a_page(tmp_path, api_keys=keys) as address,
        aiohttp.ClientSession(
            f"http://{address}", cookie_jar=aiohttp.DummyCookieJar(), headers=proxy
        ) as browser,
    ):
        sent: list[str] = []
        for _ in range(2):
            headers = {"Cookie": sent[-1]} if sent else {}
            async with browser.post(
                "/login", data={"api_key": key}, headers=headers, allow_redirects=False
            ) as response:
                cookie, _, attributes = response.headers["Set-Cookie"].partition(";")
                sent.append(cookie)
                assert cookie.startswith("__Host-emailopens=")
                assert "Secure" in attributes
        paths = []
        for cookie in sent:
            async with browser.get("/messages", headers={"Cookie": cookie}) as response:
                paths.append(response.url.path)
        assert paths == ["/login", "/messages"]


@pytest.mark.parametrize(
    "what",
    [{"api_keys": Path("keys")}, {"protection": Protection(allows_plaintext=True)}],
    ids=["no TLS", "no keys"],
)
def test_page_is_not_open_to_others_by_mistake(what: dict[str, Any]) -> None:
    """Elsewhere than on this machine it needs TLS and keys, or to be told that it does not."""
    settings = Settings(http=FREE, grpc=FREE, admin=FREE, page="0.0.0.0:0", **what)
    with pytest.raises(REFUSALS, match=r"page at 0\.0\.0\.0:0 would be open"):
        check(settings)


def test_page_needs_keys_where_callers_are_known_by_certificates(tmp_path: Path) -> None:
    """A browser shows it none that the service would hear of."""
    settings = Settings(
        http=FREE,
        grpc=FREE,
        admin=FREE,
        page=FREE,
        data=tmp_path,
        protection=Protection(client_roles={"crm": Caller(role=Role.ADMIN, name="crm")}),
    )

    with pytest.raises(REFUSALS, match="--api-keys"):
        check(settings)


def test_page_needs_a_folder_whose_path_is_short_enough(tmp_path: Path) -> None:
    """A socket's path is, and that is said before anything starts."""
    settings = Settings(http=FREE, grpc=FREE, admin=FREE, page=FREE, data=tmp_path / ("x" * 120))

    with pytest.raises(REFUSALS, match="107 octets"):
        check(settings)
