"""Keeps gRPC's own lines off standard error; has to be imported before gRPC."""

import os

# Among them is one for each connection that is not TLS where TLS is served: whoever likes to
# could fill the log.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
