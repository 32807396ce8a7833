"""Brings kept opens into the open log, in their order, until it has them.

Reads the journals of this machine, makes notifications of what they hold, and appends
those to the log together with the position that they came from: so each is there once,
whatever ends this process.  Knows nothing of fetches, streams or gRPC.

Read `recorder` first.
"""

from pixel_service.recording.health import RecordingHealth
from pixel_service.recording.notifying import opens_of
from pixel_service.recording.objected import Objected
from pixel_service.recording.recorder import Recorder

__all__ = ["Objected", "Recorder", "RecordingHealth", "opens_of"]
