"""simkit: will your AI product hold, what will it cost, what breaks first.

    import simkit as sk

    s = sk.load("scenarios/founder.yaml")
    r = s.run()                                              # or sk.run(s)
    sk.compare({"today": s, "tomorrow": s.set({"traffic.daily_active_users": 10000})})

Names are loaded when they are first used: importing simkit imports nothing heavy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simkit import report as report
    from simkit.report.explore.page import explore as explore
    from simkit.result.result import Result as Result
    from simkit.scenario.errors import ScenarioError as ScenarioError
    from simkit.scenario.load import Scenario as Scenario
    from simkit.scenario.load import load as load
    from simkit.study.breaking import BreakingPoint as BreakingPoint
    from simkit.study.breaking import breaking_point as breaking_point
    from simkit.study.compare import Comparison as Comparison
    from simkit.study.compare import compare as compare
    from simkit.study.fitting import TrafficFit as TrafficFit
    from simkit.study.fitting import fit_traffic as fit_traffic
    from simkit.study.run import run as run
    from simkit.study.sweep import Sweep as Sweep
    from simkit.study.sweep import sweep as sweep
    from simkit.study.warmup import Warmup as Warmup
    from simkit.study.warmup import warmup as warmup

    __version__: str

_HOMES = {
    "BreakingPoint": "simkit.study.breaking",
    "Comparison": "simkit.study.compare",
    "Result": "simkit.result.result",
    "Scenario": "simkit.scenario.load",
    "ScenarioError": "simkit.scenario.errors",
    "Sweep": "simkit.study.sweep",
    "TrafficFit": "simkit.study.fitting",
    "Warmup": "simkit.study.warmup",
    "breaking_point": "simkit.study.breaking",
    "compare": "simkit.study.compare",
    "explore": "simkit.report.explore.page",
    "fit_traffic": "simkit.study.fitting",
    "load": "simkit.scenario.load",
    "run": "simkit.study.run",
    "sweep": "simkit.study.sweep",
    "warmup": "simkit.study.warmup",
}

__all__ = [
    "BreakingPoint", "Comparison", "Result", "Scenario", "ScenarioError", "Sweep", "TrafficFit", "Warmup",
    "__version__", "breaking_point", "compare", "explore", "fit_traffic", "load", "report", "run", "sweep", "warmup",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    from importlib import import_module

    if name == "__version__":
        value: Any = _version()
    elif name == "report":
        value = import_module("simkit.report")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'simkit' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("simkit-llm")
    except PackageNotFoundError:  # used from a folder, not installed
        return "0+unknown"
