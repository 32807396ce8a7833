"""Who is tracked, and how: values, the copy in memory that rewriting uses, the database.

Read `configuration` first, then `snapshot`.  Imports `rewriting` for what a configuration
says of it, and for a message's header; knows neither pixels nor the contract.
"""

from injector_service.configurations.choosing import Choice, choose
from injector_service.configurations.configuration import (
    Configuration,
    StoredConfiguration,
    check_configuration,
)
from injector_service.configurations.snapshot import Configurations

__all__ = [
    "Choice",
    "Configuration",
    "Configurations",
    "StoredConfiguration",
    "check_configuration",
    "choose",
]
