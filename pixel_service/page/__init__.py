"""What people see of their opens in a browser."""

from pixel_service.page.server import PageSettings, page_server

__all__ = ["PageSettings", "page_server"]
