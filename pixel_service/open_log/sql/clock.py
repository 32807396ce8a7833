"""What time it is for everybody who shares a log."""

import sqlalchemy as sa

from service_runtime.times import now_us


def clock_us(connection: sa.Connection) -> int:
    """Return the time by the clock that all machines share: the database's."""
    if connection.dialect.name != "postgresql":
        return now_us()
    clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    return int(connection.exec_driver_sql(clock).scalar_one())
