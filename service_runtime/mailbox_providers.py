"""Who keeps a mailbox, by the domain of its address: a closed list, so that none is kept.

Both services count by these names, and what the injector counts is compared with what the
pixel service counts.
"""

from collections.abc import Mapping
from typing import Final

# Who is not in the list.
OTHER_PROVIDER: Final = "other"

# RFC 1035 section 2.3.4; what is longer is no domain.
_MAX_DOMAIN_CHARACTERS: Final = 255

# The domains under which each gives mailboxes to the public, as they are commonly known; the
# pages beside them are where to check.  Companies' own domains are `other` wherever they are
# hosted: only their exchangers would tell.
_DOMAINS: Final[Mapping[str, str]] = {
    # https://support.google.com/mail/answer/10313
    "Gmail": "gmail.com googlemail.com",
    # https://sendersupport.olc.protection.outlook.com/pm/
    "Outlook.com": (
        "outlook.com hotmail.com live.com msn.com passport.com windowslive.com outlook.de"
        " outlook.fr outlook.es outlook.it outlook.jp outlook.com.br hotmail.co.uk hotmail.de"
        " hotmail.fr hotmail.it hotmail.es hotmail.com.br hotmail.nl live.co.uk live.de live.fr"
        " live.it live.nl live.se live.dk live.no live.be live.ca live.cn live.jp live.com.au"
        " live.com.mx"
    ),
    # https://senders.yahooinc.com/
    "Yahoo": (
        "yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.it"
        " yahoo.es yahoo.ca yahoo.in yahoo.co.in yahoo.com.br yahoo.com.mx yahoo.com.ar"
        " yahoo.com.au yahoo.com.sg yahoo.com.hk yahoo.com.tw yahoo.co.id yahoo.ie yahoo.gr"
        " yahoo.se yahoo.ro yahoo.pl"
    ),
    # Of Yahoo, with its own name on the same page.
    "AOL": "aol.com aim.com aol.de aol.fr aol.co.uk",
    # https://www.yahoo.co.jp/, another company.
    "Yahoo Japan": "yahoo.co.jp ymail.ne.jp",
    # https://support.apple.com/en-us/102525
    "iCloud": "icloud.com me.com mac.com",
    # https://www.gmx.net/ and https://www.gmx.com/
    "GMX": "gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.co.uk gmx.us gmx.fr gmx.es gmx.info",
    "WEB.DE": "web.de email.de",  # https://web.de/
    "mail.com": "mail.com email.com",  # https://www.mail.com/
    # https://www.telekom.de/
    "T-Online": "t-online.de magenta.de",
    "freenet": "freenet.de",  # https://www.freenet.de/
    # https://proton.me/support/addresses-and-aliases
    "Proton": "proton.me protonmail.com protonmail.ch pm.me",
    "Fastmail": "fastmail.com fastmail.fm",  # https://www.fastmail.com/
    "Tuta": "tuta.com tuta.io tutanota.com tutanota.de tutamail.com keemail.me",  # https://tuta.com/
    "Zoho": "zohomail.com zohomail.eu zoho.com",  # https://www.zoho.com/mail/
    # https://yandex.com/support/mail/
    "Yandex": "yandex.ru yandex.com yandex.by yandex.kz ya.ru",
    # https://help.mail.ru/mail
    "Mail.ru": "mail.ru bk.ru list.ru inbox.ru internet.ru",
    "Rambler": "rambler.ru lenta.ru autorambler.ru myrambler.ru ro.ru",  # https://mail.rambler.ru/
    "ukr.net": "ukr.net",  # https://mail.ukr.net/
    "Orange": "orange.fr wanadoo.fr",  # https://www.orange.fr/
    "Free": "free.fr",  # https://www.free.fr/
    "SFR": "sfr.fr neuf.fr",  # https://www.sfr.fr/
    "La Poste": "laposte.net",  # https://www.laposte.net/
    "Libero": "libero.it iol.it inwind.it blu.it giallo.it",  # https://mail.libero.it/
    "Seznam": "seznam.cz email.cz post.cz spoluzaci.cz",  # https://email.seznam.cz/
    "Wirtualna Polska": "wp.pl o2.pl tlen.pl",  # https://poczta.wp.pl/ and https://poczta.o2.pl/
    "Onet": "onet.pl op.pl vp.pl poczta.onet.pl onet.eu",  # https://poczta.onet.pl/
    "Interia": "interia.pl interia.eu poczta.fm",  # https://poczta.interia.pl/
    "Comcast": "comcast.net",  # https://www.xfinity.com/
    "QQ": "qq.com foxmail.com",  # https://mail.qq.com/
    "NetEase": "163.com 126.com yeah.net",  # https://mail.163.com/
    "Naver": "naver.com",  # https://mail.naver.com/
    "Daum": "hanmail.net daum.net",  # https://mail.daum.net/
    "UOL": "uol.com.br bol.com.br",  # https://email.uol.com.br/
    "Rediffmail": "rediffmail.com",  # https://mail.rediff.com/
}

_PROVIDERS: Final = {
    domain: name for name, domains in _DOMAINS.items() for domain in domains.split()
}


def mailbox_provider_of(address: str) -> str:
    """Return who keeps the mailbox *address*; an empty address is of nobody that is known."""
    if not address:
        return ""
    domain = address[-_MAX_DOMAIN_CHARACTERS:].rpartition("@")[2]
    return _PROVIDERS.get(domain.lower(), OTHER_PROVIDER)
