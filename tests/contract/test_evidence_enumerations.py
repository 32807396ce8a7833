"""Evidence and privacy count as the contract does."""

import ast
import enum
from pathlib import Path

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from injector_service import pixels
from pixel_service.evidence import MAX_USER_AGENT_CHARACTERS, Agent, Confidence, MailProvider
from pixel_service.privacy import PrivacyLevel

PACKAGE = Path(__file__).parents[2] / "pixel_service"
PROTOS = Path(__file__).parents[2] / "protos/emailopens"


@pytest.mark.parametrize(
    ("ours", "contract", "prefix"),
    [
        (Agent, pb.Agent, "AGENT_"),
        (Confidence, pb.Confidence, "CONFIDENCE_"),
        (MailProvider, token_pb.MailProvider, "MAIL_PROVIDER_"),
        (pixels.MailProvider, token_pb.MailProvider, "MAIL_PROVIDER_"),
    ],
)
def test_evidence_has_the_numbers_of_the_contract(
    ours: type[enum.IntEnum], contract: EnumTypeWrapper, prefix: str
) -> None:
    """A number means the same in the core and on the wire."""
    assert {member.name: member.value for member in ours} == {
        name.removeprefix(prefix): number for name, number in contract.items()
    }


def test_privacy_levels_have_the_numbers_of_the_contract() -> None:
    """All levels of the contract but "not stated", which is no level."""
    levels = {
        name.removeprefix("PRIVACY_LEVEL_"): number
        for name, number in privacy_level_pb2.PrivacyLevel.items()
        if number
    }

    assert {level.name: level.value for level in PrivacyLevel} == levels


def test_user_agents_are_as_long_as_the_contract_says() -> None:
    """The limit in the comment is the limit in the code."""
    text = (PROTOS / "notification/v1/open_notification.proto").read_text()

    assert f"at most {MAX_USER_AGENT_CHARACTERS} characters" in " ".join(text.split())


def test_evidence_and_privacy_know_nothing_of_the_contract() -> None:
    """The pure core imports neither the stubs nor gRPC nor protobuf."""
    files = [PACKAGE / "privacy/levels.py", PACKAGE / "privacy/kept_fetch.py"]
    files += (PACKAGE / "evidence").glob("*.py")
    roots = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                roots.add(node.module.partition(".")[0])

    assert roots & {"emailopens", "google", "grpc", "aiohttp", "service_runtime"} == set()
