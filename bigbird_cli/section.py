"""The base of everything that a recipe or a run folder stores."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a recipe: an unknown key is an error, numbers are finite, and nothing changes after loading.

    The string under a field is its documentation: it goes into the JSON schema and into error messages.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )
