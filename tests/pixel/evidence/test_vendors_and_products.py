"""Every network and every name of a vendor that the rules know is judged as theirs."""

import pytest

from pixel_service.evidence import Agent, Confidence, Judge
from tests.pixel.evidence.test_what_others_got_wrong import ANYWHERE, CHROME, GMAIL, judgement

MAIL_FILTER = [
    *("40.92.0.1", "40.93.255.1", "40.107.22.5", "52.100.0.1", "52.103.255.1", "52.238.78.88"),
    *("104.47.127.1", "2a01:111:f400::1", "2a01:111:f403:c::1", "40.94.20.31"),
]
BARRACUDA = [
    *("64.235.144.1", "198.35.20.1", "3.24.133.129", "15.222.16.129", "35.157.190.225"),
    *("18.185.115.193", "18.184.203.225", "13.200.136.129", "35.176.92.97", "18.133.136.129"),
    "18.133.136.97",
]
OTHER_FILTERS = {
    "Proofpoint": "67.231.144.1",
    "Mimecast in the United Kingdom": "195.130.217.1",
    "Mimecast in Germany": "51.163.158.1",
    "Cisco": "68.232.128.1",
    "Trend Micro": "150.70.1.1",
}
RENTED = {
    "Azure": "20.72.100.79",
    "Microsoft's network of programs": "52.112.103.113",
    "Amazon": "54.214.12.9",
    "Google Cloud": "34.90.1.1",
    "DigitalOcean": "165.227.1.1",
    "Hetzner": "65.108.1.1",
    "Linode": "172.104.129.1",
    "Oracle": "132.145.1.1",
    "OVH": "51.68.1.1",
    "Vultr": "45.76.1.1",
}
SECURITY = [
    *("twinwave", "scmguard", "kaspersky", "klhttpclient", "virustotal", "google-safety"),
    *("netcraft", "valimail", "avira", "palo alto", "urlscan", "securityheaders"),
    *("barracuda", "mimecast", "proofpoint", "sophos", "ciscosecureemail"),
]
NEVER = [
    *(CHROME.replace("NT 10.0", f"NT {version}") for version in ("7.0", "8.1", "9.0")),
    *(CHROME.replace("NT 10.0", f"NT {version}.0") for version in (11, 15, 19)),
    f"{CHROME} Edge/12.246",
]
SYNTHETIC = [
    *("lighthouse", "gtmetrix", "PTST/1.0", "checkly/1.0", "thousandeyes", "cypress/1"),
    *("check_http/v2", "Zabbix", "PRTG", "MicrosoftPreview/2.0", "Google Web Preview"),
    *("embedly/0.2", "iframely/1.3"),
]
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
MAIL_CLIENTS = {
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; ms-office; MSOffice 15)": "Outlook",
    f"{CHROME} Edg/126.0.0.0 OneOutlook/1.2024.710.100": "Outlook",
    f"{CHROME} Foxmail/7.2": "Foxmail",
    f"{CHROME} Mailbird/2.3.18.0": "Mailbird",
    f"{CHROME} eM Client/7.1.32716.0": "eM Client",
    f"{MAC}AppleWebKit/537.36 Mailspring/1.13.3 Electron/18.0 Safari/537.36": "Mailspring",
    f"{MAC}AppleWebKit/537.36 SparkDesktop/3.15.5 Electron/29.4 Safari/537.36": "Spark",
    f"{MAC}SparkMail/1": "Spark",
    f"{MAC}MailMaster/4.15": "MailMaster",
    f"{MAC}ymail/1": "Yahoo Mail",
    f"{MAC}Yahoo%20Mail/1": "Yahoo Mail",
    f"{MAC}ZohoMail/1": "Zoho Mail",
    f"{MAC}ZohoTrident/1": "Zoho Mail",
    f"{MAC}NaverMailApp/2": "Naver Mail",
    f"{MAC}NewtonMail/1": "Newton Mail",
    f"{MAC}tutanota-desktop/3": "Tutanota",
    "PostboxApp/1.0": "Postbox",
    "Outlook-Android/2.0": "Outlook-Android",
    f"{MAC}WindowsMail/17": "Windows Mail",
    f"{MAC}Icedove/3.0": "Icedove",
    f"{MAC}Barca/2.8": "Barca",
    f"{MAC}MailBar/1.3": "MailBar",
}
ANDROID = (
    "Mozilla/5.0 (Linux; Android 9; {}) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"
)


@pytest.mark.parametrize("address", MAIL_FILTER)
def test_microsofts_mail_filter_is_a_scanner_at_any_time(judge: Judge, address: str) -> None:
    """No mailbox is there, so nobody looks, whatever the user agent says."""
    evidence = judgement(judge, CHROME, ip=address)

    assert (evidence.agent, evidence.confidence) == (Agent.SCANNER, Confidence.HIGH)


@pytest.mark.parametrize("address", [*BARRACUDA, *OTHER_FILTERS.values()])
def test_networks_of_other_filters_are_never_a_person(judge: Judge, address: str) -> None:
    """Soon they are likely scanners, and an hour later still no persons."""
    soon, later = (judgement(judge, CHROME, ip=address, seconds=each) for each in (60, 3600))

    assert (soon.agent, later.agent) == (Agent.SCANNER, Agent.SCANNER)
    assert soon.confidence >= Confidence.MEDIUM


def test_an_access_network_is_not_a_filters(judge: Judge) -> None:
    """AS34440 was once taken for Mimecast's; it lets servers to customers of GoDaddy in India."""
    systems = [rule.address.autonomous_systems for rule in judge.ruleset.rules if rule.address]

    assert all(34440 not in each for each in systems if each)


@pytest.mark.parametrize("address", RENTED.values(), ids=RENTED)
@pytest.mark.parametrize("seconds", [25, 240, 3600])
def test_a_browser_on_a_rented_server_is_no_person(
    judge: Judge, address: str, seconds: float
) -> None:
    """Scanners run browsers there, minutes later, too; a person would be a rare exception."""
    assert judgement(judge, CHROME, ip=address, seconds=seconds).agent is Agent.SCANNER


@pytest.mark.parametrize("seconds", [20, 25, 60, 240, 299])
def test_a_browser_within_minutes_is_at_most_a_guess(judge: Judge, seconds: float) -> None:
    """Most scanners with browsers of their own come between 25 s and some minutes."""
    evidence = judgement(judge, CHROME, seconds=seconds)

    assert (evidence.agent, evidence.confidence) == (Agent.PERSON, Confidence.LOW)


@pytest.mark.parametrize("address", ["34.90.1.1", "8.34.208.1", ANYWHERE])
def test_gmails_proxy_from_a_customers_server_is_not_sure(judge: Judge, address: str) -> None:
    """Anybody can rent an address of Google Cloud and dress up as the proxy."""
    assert judgement(judge, GMAIL, ip=address).confidence <= Confidence.MEDIUM


@pytest.mark.parametrize("address", ["146.75.1.1", "140.248.1.1", "2a04:4e41::1"])
def test_apples_relay_is_at_fastly_as_well(judge: Judge, address: str) -> None:
    """Its prefetches come from there; Apple's own 17.0.0.0/8 holds none of it."""
    found = [judgement(judge, "Mozilla/5.0", ip=each) for each in (address, "17.1.1.1")]

    assert [each.confidence for each in found] == [Confidence.HIGH, Confidence.MEDIUM]


@pytest.mark.parametrize("product", SECURITY)
def test_security_products_are_scanners(judge: Judge, product: str) -> None:
    """By name, wherever they come from."""
    assert judgement(judge, f"{product}/1.0").agent is Agent.SCANNER


@pytest.mark.parametrize("user_agent", NEVER)
def test_browsers_that_never_were_are_scanners(judge: Judge, user_agent: str) -> None:
    """Nobody looks with a browser on a system that does not exist."""
    assert judgement(judge, user_agent).agent is Agent.SCANNER


@pytest.mark.parametrize("product", SYNTHETIC)
def test_synthetic_visits_are_automation(judge: Judge, product: str) -> None:
    """Monitors and previews say what they are after a browser's name."""
    evidence = judgement(judge, f"{CHROME} {product}")

    assert (evidence.agent, evidence.confidence) == (Agent.OTHER_AUTOMATION, Confidence.HIGH)


@pytest.mark.parametrize("user_agent", MAIL_CLIENTS)
def test_mail_clients_are_persons_and_have_their_names(judge: Judge, user_agent: str) -> None:
    """Whatever browser they are built on, the client is named."""
    evidence = judgement(judge, user_agent)

    assert (evidence.agent, evidence.confidence) == (Agent.PERSON, Confidence.MEDIUM)
    assert evidence.client is not None
    assert evidence.client.name == MAIL_CLIENTS[user_agent]


@pytest.mark.parametrize("model", ["M bot 51", "VR BOT 552", "Spider 8", "C Bot Tab 100", "CUBOT"])
def test_telephones_are_no_robots(judge: Judge, model: str) -> None:
    """A model may be called bot or spider; a robot that dresses as a telephone gives its card."""
    telephone = judgement(judge, ANDROID.format(model, "Chrome/126.0.0.0 Mobile"))
    robot = judgement(
        judge,
        ANDROID.format(model, "Chrome/126.0.0.0 Mobile")
        + " (compatible; Searcher/2; +https://a.b/)",
    )

    assert telephone.agent is Agent.PERSON
    assert (robot.agent, robot.confidence) == (Agent.OTHER_AUTOMATION, Confidence.HIGH)
