"""A new epoch of a log: cursors made before it are of another log.

After a backup is restored, the log is shorter than its clients remember, and gives
their positions to other opens as it grows.  A cursor from before would then pass over
opens that its client has never seen.
"""

import sqlalchemy as sa


def begin(connection: sa.Connection) -> int:
    """Begin a new epoch inside the caller's transaction; return its number.

    Subscriptions go on where the log says they were; their sessions end.
    """
    connection.exec_driver_sql("UPDATE open_subscriptions SET session_token = ''")
    connection.exec_driver_sql("UPDATE open_log SET epoch = epoch + 1")
    return int(connection.exec_driver_sql("SELECT epoch FROM open_log").scalar_one())
