"""Many runs: replications, comparisons, and where they run."""
