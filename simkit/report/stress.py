"""The STRESS-DES checklist of a simulation study, filled in from the result as far as it applies.

Monks et al. (2019), Strengthening the Reporting of Empirical Simulation Studies, Journal of Simulation 13(1).
"""

import os
import platform
from typing import TYPE_CHECKING

from simkit.result.assumptions import source_kinds
from simkit.result.words import duration

if TYPE_CHECKING:
    from simkit.result.result import Result

Rows = tuple[tuple[str, str, str], ...]


def checklist_rows(of: "Result") -> Rows:
    """Number, item, and what there is to say here."""
    parts = (_objectives(of), _logic(of), _data(of), _experimentation(of), _implementation(of))
    return tuple(row for rows in parts for row in rows)


def _listed(names: object, none: str) -> str:
    return ", ".join(str(name) for name in names) if names else none  # type: ignore[attr-defined]


def _objectives(of: "Result") -> Rows:
    document = of.scenario.document
    promised = [one.text for one in of.evidence.objectives] + list(document.expect)
    return (
        ("1.1", "Purpose of the model", " ".join(document.description.split()) or
            "Will the product hold, what will it cost, and what breaks first, before that many users are there."),
        ("1.2", "Model outputs", f"{len(of.metrics)} figures, each with a 95 % interval or the reason for none."),
        ("1.3", "Aims of the experiment", f"Promises: {_listed(promised, 'none; the scenario sets no objective')}."),
    )  # fmt: skip


def _logic(of: "Result") -> Rows:
    document, names = of.scenario.document, of.plan.names
    return (
        ("2.1", "Overview of the base model", "An action arrives, is admitted, takes a slot of the product's own"
            " service, and makes its calls: cache, route, deployment, rate limits, first token, answer; retries,"
            " fallbacks."),
        ("2.2", "Logic of the base model", f"Actions: {_listed(names.kinds, 'none')}."
            f" Calls: {_listed(names.calls, 'none')}."),
        ("2.3", "Scenario logic", f"Incidents: {_listed(names.incidents, 'none is scheduled')}. Changes at a time:"
            f" {len(document.changes)}."),
        ("2.4", "Algorithms", f"Routes: {_listed(document.routes, 'none')}. Retries as {_layers(of)}."),
        ("2.5", "Components", f"Models: {_listed(names.models, 'none')}."
            f" Deployments: {_listed(names.deployments, 'none')}. Limits: {_listed(document.quotas, 'none')}."),
    )  # fmt: skip


def _layers(of: "Result") -> str:
    resilience = of.scenario.document.resilience
    layers = (resilience.client, resilience.gateway)
    return " behind ".join(one.preset for one in layers if one is not None and one.preset) or "the scenario says"


def _data(of: "Result") -> Rows:
    kinds = source_kinds(of.scenario.document, of.scenario.source_of)
    trace = "Recorded traffic is replayed row by row." if of.scenario.document.traffic.trace else "None."
    return (
        ("3.1", "Data sources", "The table of assumptions above names the source of each group of figures."),
        ("3.2", "Pre-processing", trace),
        ("3.3", "Input parameters", f"{sum(kinds.values())}; all in the full form, `scenario.yaml` in the folder of the"
            f" report (or by `simkit check FILE --resolved`). SHA-256 of what it means: {of.scenario.hash}."),
        ("3.4", "Assumptions", f"{kinds['assumed']} figures are assumed, {kinds['estimated']} estimated,"
            f" {kinds['measured']} measured."),
    )  # fmt: skip


def _experimentation(of: "Result") -> Rows:
    warm = duration(-of.plan.begin) if of.plan.begin < 0 else "none"
    return (
        ("4.1", "Initialisation", f"Empty at the start; warm-up before the measured time: {warm}."),
        ("4.2", "Run length", f"{duration(of.plan.horizon)} measured; arrivals go on until those have ended."),
        ("4.3", "Estimation", f"{of.replications} independent replications. Percentiles of pooled actions with"
            " Woodruff's interval, ratios of totals with a jackknife over replications."),
    )  # fmt: skip


def _implementation(of: "Result") -> Rows:
    versions = of.manifest()["versions"]
    return (
        ("5.1", "Software", f"simkit {of.to_dict()['version']}, Python {versions['python']}, numpy"
            f" {versions.get('numpy', '–')}, numba {versions.get('numba', '–')}."),
        ("5.2", "Random sampling", f"Philox 4x32-10 (Salmon et al. 2011), keyed by seed ({of.seed}), replication,"
            " stream and entity: common random numbers, no generator state."),
        ("5.3", "Model execution", f"Event by event on the {of.engine} engine, time in whole nanoseconds; events of one"
            " instant in a written order."),
        ("5.4", "System", f"{platform.system()} on {platform.machine()}, {os.cpu_count()} CPUs;"
            f" {of.elapsed_s:.1f} s for all replications."),
        ("6.1", "Code access", "simkit has the MIT licence; scenario, seed and version make the same figures again."),
    )  # fmt: skip
