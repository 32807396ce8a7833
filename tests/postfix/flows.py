"""The ways of mail that several tests share: each is started when it is first asked for."""

import contextlib
from pathlib import Path

from tests.postfix.servers import Flow, running_bridge, running_flow, running_plain


class Flows:
    """Running ways of mail; they end with the stack that they were given."""

    def __init__(
        self, stack: contextlib.ExitStack, *, relay: int, injector: str, log: Path
    ) -> None:
        self._stack = stack
        self._relay = relay
        self._injector = injector
        self._log = log
        self._plain: Flow | None = None
        self._bridged: dict[str, Flow] = {}
        self._unbridged: dict[str, Flow] = {}

    def plain(self) -> Flow:
        """Return the one without a filter."""
        if self._plain is None:
            self._plain = self._stack.enter_context(running_plain(relay=self._relay))
        return self._plain

    def bridged(self, section: str) -> Flow:
        """Return the one that the page shows in *section*, with the bridge that is shown there."""
        if section not in self._bridged:
            flow = self._stack.enter_context(running_flow(section, relay=self._relay))
            options = [*flow.bridge_options(), f"--injector={self._injector}"]
            self._stack.enter_context(
                running_bridge(options, port=flow.ports.bridge, log=self._log)
            )
            self._bridged[section] = flow
        return self._bridged[section]

    def unbridged(self, section: str) -> Flow:
        """Return one whose bridge is the test's own."""
        if section not in self._unbridged:
            self._unbridged[section] = self._stack.enter_context(
                running_flow(section, relay=self._relay)
            )
        return self._unbridged[section]
