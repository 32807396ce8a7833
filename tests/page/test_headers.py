"""What the page is called."""

import pytest

from pixel_service.page.headers import hosts_of_loopback


@pytest.mark.parametrize(
    ("listen", "has_tls", "wanted"),
    [
        ("127.0.0.1:8082", False, {"127.0.0.1:8082", "localhost:8082", "[::1]:8082"}),
        ("127.0.0.2:8082", False, {"127.0.0.2:8082", "localhost:8082"}),
        ("Localhost:8082", False, {"localhost:8082"}),
        ("[::1]:8082", True, {"[::1]:8082"}),
        ("127.0.0.1:80", False, {"127.0.0.1", "localhost:80", "localhost"}),
        ("127.0.0.1:443", True, {"127.0.0.1", "localhost:443"}),
    ],
)
def test_page_goes_by_where_it_is_served(listen: str, has_tls: bool, wanted: set[str]) -> None:  # noqa: FBT001 - a parameter of the test
    """Also without the port that browsers leave out."""
    assert wanted <= set(hosts_of_loopback(listen, has_tls=has_tls))


@pytest.mark.parametrize(("listen", "has_tls"), [("127.0.0.1:80", True), ("127.0.0.1:443", False)])
def test_port_is_left_out_by_its_own_scheme_alone(listen: str, has_tls: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A browser says a port that is another scheme's."""
    assert "127.0.0.1" not in set(hosts_of_loopback(listen, has_tls=has_tls))
