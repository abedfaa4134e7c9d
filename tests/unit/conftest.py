"""Fixtures that several files share; one of the same name in a file is that file's own."""

import pandas as pd
import pytest
from figure_cases import START
from result_cases import made, maker


@pytest.fixture
def scenario(tmp_path):
    """Makes the small scenario of `result_cases`, with more lines."""
    return maker(tmp_path)


@pytest.fixture
def result(scenario):
    """The result of three random logs."""
    return made(scenario())


@pytest.fixture
def incidents() -> pd.DataFrame:
    """One, in the second of the hours of `figure_cases`."""
    return pd.DataFrame({"name": ["openai down"], "start": [START[1]], "end": [START[2]]})
