"""Pages of templates that stand in a package's folder `templates`, with their style sheets and scripts."""

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def templates(package: str) -> Environment:
    """The templates of a package, which escape whatever they are given; a value that is missing is an error."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = "{:,}".format
    return environment


@cache
def asset(package: str, name: str) -> str:
    """A style sheet or script."""
    return resources.files(package).joinpath("templates", name).read_text(encoding="utf-8")


def policy_hash(content: str) -> str:
    """What a Content-Security-Policy calls an inline style sheet or script that may be used, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
