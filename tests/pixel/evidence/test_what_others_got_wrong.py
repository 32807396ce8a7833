"""Cases that other systems judged wrongly in public, each named after its report."""

import datetime as dt

import pytest

from pixel_service.evidence import Agent, Confidence, Evidence, Fetch, Judge

OPEN_TIME = dt.datetime(2024, 9, 1, 5, 6, 7, tzinfo=dt.UTC)  # when the browsers here were new
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15"
)
BARE_WEBKIT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
)
ANYWHERE = "203.0.113.77"
APPLE_RELAY = "104.28.63.203"
MICROSOFT = "52.97.22.5"

MINUTE = 60.0
HOUR = 3600.0


def judgement(
    judge: Judge, user_agent: str, *, ip: str = ANYWHERE, seconds: float = HOUR, header: str = ""
) -> Evidence:
    return judge.judge(
        Fetch(
            ip_address=ip,
            user_agent=user_agent,
            headers=dict([header.split(": ")] if header else []),
            open_time=OPEN_TIME,
            acceptance_time=OPEN_TIME - dt.timedelta(seconds=seconds),
        )
    )


def test_gmails_proxy_at_open_time_is_a_likely_person_behind_an_image_proxy(judge: Judge) -> None:
    """mautic#16069: calling the proxy a bot lost every Gmail open."""
    evidence = judgement(judge, GMAIL, ip="66.249.93.84")

    assert evidence.agent is Agent.IMAGE_PROXY
    assert evidence.confidence is Confidence.HIGH


def test_gmails_proxy_invents_no_client(judge: Judge) -> None:
    """Its user agent says Windows XP and Firefox 11; the notification says neither."""
    client = judgement(judge, GMAIL, ip="66.249.93.84").client

    assert client is not None
    assert (client.name, client.operating_system, client.device) == ("Gmail image proxy", "", "")


def test_gmails_proxy_within_seconds_of_sending_is_no_sure_sign(judge: Judge) -> None:
    """gophish#1390: Gmail may fetch before anybody opens the message."""
    evidence = judgement(judge, GMAIL, ip="66.249.93.84", seconds=2)

    assert evidence.agent is Agent.IMAGE_PROXY
    assert evidence.confidence is Confidence.LOW


def test_apples_prefetch_is_exactly_mozilla(judge: Judge) -> None:
    """uap-core#509: the user agent is Mozilla/5.0 and nothing more."""
    assert judgement(judge, "Mozilla/5.0", ip=APPLE_RELAY).agent is Agent.PRIVACY_PREFETCH


@pytest.mark.parametrize("user_agent", ["Mozilla/5.0 ", "mozilla/5.0", "Mozilla/5.0 (X)", CHROME])
def test_what_only_begins_like_apples_prefetch_is_none(judge: Judge, user_agent: str) -> None:
    """A prefix or another case is not what Apple sends."""
    assert judgement(judge, user_agent).agent is not Agent.PRIVACY_PREFETCH


def test_apples_relay_alone_is_no_prefetch(judge: Judge) -> None:
    """The tool gogcli flags 17. and 104.28.: ordinary Safari users come from there, too."""
    evidence = judgement(judge, SAFARI, ip=APPLE_RELAY)

    assert evidence.agent is Agent.PERSON
    assert evidence.confidence is Confidence.MEDIUM


def test_apples_prefetch_is_sure_only_with_its_network(judge: Judge) -> None:
    """ClickDimensions asks for both; the user agent alone anybody can send."""
    assert judgement(judge, "Mozilla/5.0", ip=APPLE_RELAY).confidence is Confidence.HIGH
    assert judgement(judge, "Mozilla/5.0").confidence is Confidence.MEDIUM


def test_bare_webkit_24_minutes_after_sending_is_a_person(judge: Judge) -> None:
    """warmbly#564: a real Outlook open was stored as a prefetch of Apple's."""
    evidence = judgement(judge, BARE_WEBKIT, seconds=24 * MINUTE)

    assert evidence.agent is Agent.PERSON
    assert evidence.client is not None
    assert evidence.client.name == "Apple Mail or Outlook"
    assert evidence.client.operating_system == ""


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0, 9.9])
def test_bare_webkit_in_the_delivery_window_may_be_a_prefetch(judge: Judge, seconds: float) -> None:
    """warmbly#569: only there, and with low confidence."""
    evidence = judgement(judge, BARE_WEBKIT, seconds=seconds)

    assert evidence.agent is Agent.PRIVACY_PREFETCH
    assert evidence.confidence is Confidence.LOW


def test_microsofts_networks_fetch_for_persons(judge: Judge) -> None:
    """warmbly#412: Outlook on the web's image proxy is a real open."""
    assert judgement(judge, CHROME, ip=MICROSOFT).agent is Agent.IMAGE_PROXY


def test_microsofts_networks_scan_at_delivery(judge: Judge) -> None:
    """warmbly#410: with user agents of real browsers."""
    assert judgement(judge, CHROME, ip=MICROSOFT, seconds=4).agent is Agent.SCANNER


@pytest.mark.parametrize(
    "user_agent",
    [
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.6326; Pro)",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Outlook-iOS/665.29827.prod.iphone (2.63.0)",
    ],
)
def test_outlook_renders_for_a_person(judge: Judge, user_agent: str) -> None:
    """The tool gogcli marks these as a prefetch."""
    assert judgement(judge, user_agent).agent is Agent.PERSON


@pytest.mark.parametrize("seconds", [0.0, 1.9, 2.0, 9.9])
def test_browsers_at_delivery_are_scanners(judge: Judge, seconds: float) -> None:
    """craft-campaign#546: scanners' opens come a median of 9 s after sending."""
    assert judgement(judge, CHROME, seconds=seconds).agent is Agent.SCANNER


def test_clocks_that_differ_do_not_make_a_time_before_acceptance(judge: Judge) -> None:
    """A fetch that seems to come before its message came at once."""
    evidence = judgement(judge, CHROME, seconds=-5)

    assert evidence.since_acceptance == dt.timedelta()
    assert evidence.agent is Agent.SCANNER


@pytest.mark.parametrize("name", ["sec-purpose", "purpose", "x-purpose", "x-moz"])
@pytest.mark.parametrize("value", ["prefetch", "Prefetch;prerender"])
def test_purpose_headers_say_that_nobody_looks_yet(judge: Judge, name: str, value: str) -> None:
    """The header field decides against a user agent of a person's browser."""
    evidence = judgement(judge, CHROME, header=f"{name}: {value}")

    assert evidence.agent is Agent.PRIVACY_PREFETCH
    assert evidence.confidence is Confidence.HIGH


@pytest.mark.parametrize("user_agent", ["", "   "])
def test_no_user_agent_speaks_for_a_scanner(judge: Judge, user_agent: str) -> None:
    """No mail client and no browser leaves it out."""
    evidence = judgement(judge, user_agent)

    assert evidence.agent is Agent.SCANNER
    assert evidence.client is None


def test_cubot_makes_telephones(judge: Judge) -> None:
    """A rule for "bot" must not take the maker's name for one."""
    evidence = judgement(
        judge,
        "Mozilla/5.0 (Linux; Android 11; CUBOT KINGKONG 5 Pro) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/120.0.6099.43 Mobile Safari/537.36",
    )

    assert evidence.agent is Agent.PERSON
