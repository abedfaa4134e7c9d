"""Draws of one replication, all by the laws."""

from simkit.laws.choice import choose
from simkit.laws.draws import Stream, pair
from simkit.laws.sample import sample, whole
from simkit.plan.plan import Dists, Floats


class Dice:
    """Uniform pairs and samples; stateless, so that order cannot change a draw."""

    def __init__(self, seed: int, replication: int, dists: Dists) -> None:
        self.seed = seed
        self.replication = replication
        self.cells = dists.cells
        self.shapes = list(
            zip(dists.table.tolist(), dists.scale.tolist(), dists.low.tolist(), dists.cap.tolist(), strict=True)
        )

    def pair(self, stream: Stream, entity: int, code: int = 0, block: int = 0) -> tuple[float, float]:
        """Two uniform numbers for an entity."""
        return pair(self.seed, self.replication, int(stream), entity, code, block)

    def value(self, dist: int, u: float) -> float:
        """The quantile `u` of a distribution."""
        table, scale, low, cap = self.shapes[dist]
        return sample(u, table, scale, low, cap, self.cells)

    def count(self, dist: int, u: float) -> int:
        """The same as a whole number (tokens, ns); 0 for no distribution."""
        return whole(self.value(dist, u)) if dist >= 0 else 0

    @staticmethod
    def choose(u: float, cdf: Floats) -> int:
        """Index drawn from a cumulative distribution."""
        return choose(u, cdf) if len(cdf) > 1 else 0
