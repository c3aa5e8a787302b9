"""The base of everything that a recipe or a run folder stores, and the kinds of numbers in it."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bigbird_cli.bounds import AMOUNT, COLUMN, COUNT, TOKENS

Count = Annotated[int, Field(ge=COUNT.least, le=COUNT.most)]
"""How many of something: at least 1."""

Amount = Annotated[float, Field(gt=AMOUNT.least, le=AMOUNT.most)]
"""How much of something: above 0."""

WindowSize = Annotated[int, Field(ge=8, le=TOKENS.most)]
"""Tokens of one model input, special tokens included."""

Overlap = Annotated[int, Field(ge=0, le=TOKENS.most)]
"""Tokens that neighbouring model inputs share."""

Column = Annotated[int, Field(ge=-COLUMN.most, le=COLUMN.most)]
"""The number of a column, counted from 0, or from -1 backwards."""

_WANTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a table of names and values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number that fits",
    "int_type": "a whole number",
    "list_type": "a list",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "below {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "a list of {min_length} or more",
}


def wanted(error: ErrorDetails) -> str:
    """What a setting must be, in our own words as far as they go."""
    if error["type"] in _BOUNDS:
        return _BOUNDS[error["type"]].format(**error["ctx"])
    if error["type"] == "literal_error":
        return re.sub(r"'([^']*)'", r"\1", error["ctx"]["expected"])
    return _WANTED.get(error["type"]) or error["msg"].removeprefix("Input should be ")


def complaint(error: ValidationError) -> str:
    """What to say of the first thing that is wrong in a section: setting, value, and what it must be."""
    first = error.errors(include_url=False)[0]
    setting = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"there is no setting {setting}"
    if first["type"] == "value_error":  # a validator of ours, which names the values
        message = first["msg"].removeprefix("Value error, ")
        return f"{setting}: {message}" if setting else message
    if first["type"] == "missing":
        return f"{setting} is missing"
    return f"{setting} is {first['input']!r}; it must be {wanted(first)}"


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple, json_schema_input_type=list[str])]
"""Several names. A recipe is validated strictly; in a section with a validator before it, which gets Python values for
JSON's, strictness would take no list for a tuple."""


class Section(BaseModel):
    """A part of a recipe: an unknown key is an error, numbers are finite, and nothing changes after loading.

    The string under a field is its documentation: it goes into the JSON schema and into error messages.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )
