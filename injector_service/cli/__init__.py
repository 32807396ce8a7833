"""The command line: `injector-service`.  Read `main` first.

Talks to a running service through the contract; only `serve` puts a service together.
"""

import service_runtime.quiet_grpc  # noqa: F401 - first, for what it does
