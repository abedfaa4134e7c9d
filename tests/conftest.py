"""The order of the tests."""

import pytest

FIRST = "test_an_edited_law_is_compiled_anew_and_an_unchanged_one_is_not"
"""It compiles in processes of its own, and longer than the others need to have the engine compiled on another core."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: what follows it then finds the engine compiled."""
    items.sort(key=lambda item: item.name != FIRST)
