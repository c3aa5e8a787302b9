"""Which mentions are of one name: those that read alike but for what stands beside a name."""

import re

_BESIDE = re.compile(r"^(?:the|an?) (?=.)|['\u2019]s?$")
"""What stands beside a name and is none of it: an article before it, a possessive behind."""


def plain_name(text: str) -> str:
    """What the mentions of a name have in common: its words in lower case, without article and possessive."""
    return _BESIDE.sub("", " ".join(text.split()).casefold())
