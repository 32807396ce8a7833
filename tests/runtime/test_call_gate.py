"""The gate at which calls of a drain wait."""

import asyncio

from service_runtime.call_gate import CallGate


async def test_gate_waits_for_the_last_stream() -> None:
    """One that has ended says nothing of the others."""
    gate = CallGate()
    with gate.counted_stream():
        with gate.counted_stream():
            waiting = asyncio.ensure_future(gate.until_no_streams(seconds=60))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
