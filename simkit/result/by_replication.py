"""Every metric of every replication alone: what comparisons pair, and what is kept of a result for later ones."""

from dataclasses import replace

import pandas as pd

from simkit.result.evidence import Evidence
from simkit.result.metrics import METRICS, evaluate

Rows = dict[str, list[float | None]]


def rows_of(evidence: Evidence) -> Rows:
    """Metric to its values, in the order of the replications."""
    alone = [evaluate(replace(evidence, tallies=(one,))) for one in evidence.tallies]
    return {metric: [one[metric].value for one in alone] for metric in METRICS}


def frame_of(evidence: Evidence) -> pd.DataFrame:
    """A row a replication: its number, and every metric; empty where one does not apply."""
    numbers = pd.DataFrame({"replication": [one.replication for one in evidence.tallies]})
    return numbers.join(pd.DataFrame(rows_of(evidence), dtype="float64"))


def rows_from(frame: pd.DataFrame) -> Rows:
    """`rows_of` from `frame_of`."""
    return {
        str(metric): [None if pd.isna(value) else float(value) for value in column]
        for metric, column in frame.drop(columns="replication").items()
    }
