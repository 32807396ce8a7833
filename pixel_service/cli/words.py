"""The contract's values in a word each."""

from typing import Final

from google.protobuf.descriptor import EnumDescriptor

from emailopens.notification.v1 import open_notification_pb2 as pb

# In the order of the columns: who looked, what looked for nobody, and the rest.
AGENTS: Final = {
    pb.AGENT_PERSON: "PERSON",
    pb.AGENT_IMAGE_PROXY: "PROXY",
    pb.AGENT_PRIVACY_PREFETCH: "PREFETCH",
    pb.AGENT_SCANNER: "SCANNER",
    pb.AGENT_OTHER_AUTOMATION: "OTHER",
    pb.AGENT_UNKNOWN: "UNKNOWN",
}


def short_name(enum: EnumDescriptor, number: int) -> str:
    """Return the name of an enum's value without the enum's; its number if it is a newer one."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    return value.name.removeprefix(enum.values_by_number[0].name.removesuffix("UNSPECIFIED"))
