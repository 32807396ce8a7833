"""The client's side: connections to the server that mail goes on to."""
