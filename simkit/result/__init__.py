"""From logs or streamed aggregates to answers: tallies, statistics, metrics, and the `Result` with its faces."""
