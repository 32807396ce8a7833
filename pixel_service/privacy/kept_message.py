"""The door for what a token says of its message."""

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.privacy.levels import KEEPING_CORRESPONDENCE, PrivacyLevel


def keep_message(token: pb.PixelToken, level: PrivacyLevel) -> pb.PixelToken:
    """Return what may be kept of a *token*: a token without the rest.

    Below MASKED it names what is kept, not what is discarded, so that a field that
    is added to the contract one day is discarded until somebody decides.
    """
    if level in KEEPING_CORRESPONDENCE:
        return token
    kept = pb.PixelToken(privacy_level=token.privacy_level)
    if level is PrivacyLevel.OFF:
        return kept
    kept.configuration_ids.extend(token.configuration_ids)
    kept.statistics_configuration_ids.extend(token.statistics_configuration_ids)
    if level < PrivacyLevel.ANONYMOUS:
        kept.message_id = token.message_id
        kept.acceptance_time_us = token.acceptance_time_us
        kept.tags.extend(token.tags)
    return kept


def keep_count(kept: pb.PixelToken) -> pb.PixelToken:
    """Return what is left of *kept*, of a message whose opens are only counted."""
    return pb.PixelToken(
        privacy_level=kept.privacy_level,
        statistics_configuration_ids=kept.statistics_configuration_ids,
    )
