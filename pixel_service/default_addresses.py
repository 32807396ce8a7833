"""Where a service is when nobody says otherwise; clients look there, too."""

from typing import Final

DEFAULT_HTTP: Final = "127.0.0.1:8080"
DEFAULT_GRPC: Final = "127.0.0.1:50052"
DEFAULT_ADMIN: Final = "127.0.0.1:9090"
