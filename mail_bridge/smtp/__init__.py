"""The words of SMTP and LMTP: octets in, octets out, without any I/O."""

from mail_bridge.smtp.extensions import Extensions
from mail_bridge.smtp.reply import Reply, ReplyMalformed, ReplyReader

__all__ = ["Extensions", "Reply", "ReplyMalformed", "ReplyReader"]
