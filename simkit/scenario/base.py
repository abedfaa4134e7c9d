"""The base of every part of a scenario: frozen, unknown keys forbidden, docstrings are the help text (`helptext`)."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Part(BaseModel):
    """A frozen piece of a scenario file.

    `choices` lists groups of keys of which at most one may be set; an override that sets one
    member of a group removes the others (so `--set traffic.rate=2/s` replaces `traffic.users`).
    `required` lists groups of which one must be set. `aliases` are further keys, each standing for
    a path below this part; `shorts` are keys that only `short` understands.
    """

    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        populate_by_name=True,
    )
    choices: ClassVar[tuple[frozenset[str], ...]] = ()
    required: ClassVar[tuple[frozenset[str], ...]] = ()
    aliases: ClassVar[dict[str, tuple[str, ...]]] = {}
    shorts: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def short(cls, value: Any) -> Any:
        """The map of fields that a short form stands for; what is no short form comes back as it is.

        What is inside `value` may be plain values or nodes of a tree, and is only moved about.
        """
        return value

    @classmethod
    def names(cls) -> set[str]:
        """Names of the fields, as a file writes them."""
        return {field.alias or name for name, field in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return cls.short(value)


def is_map(value: Any) -> bool:
    """Is it a map, plain or in a tree?"""
    return isinstance(getattr(value, "value", value), dict)


def is_scalar(value: Any) -> bool:
    """Is it a single value, plain or in a tree (an empty one counts as none)?"""
    return isinstance(getattr(value, "value", value), str | int | float)
