"""The command line: `pixel-service`.  Read `main` first.

Talks to a running service through the contract; only `serve` puts a service together, and
only `log migrate` and `log restored` open the log themselves.
"""

import service_runtime.quiet_grpc  # noqa: F401 - first, for what it does
