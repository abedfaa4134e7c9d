"""Layers: what a file extends, how maps merge, what is replaced, and single overrides."""

from pathlib import Path

import pytest

from simkit.scenario.errors import ScenarioError
from simkit.scenario.load import Scenario, load

FULL = """
traffic: {rate: 2/s}
actions:
  answer:
    calls: [{name: draft, model: small, input: 1200, output: {mean: 250, p95: 600}}]
models:
  small: {provider: acme, ttft: {median: 1s, p95: 2s}, tokens_per_second: 80, prices: {input: $1, output: $4}}
slo: {success: 99%, latency: {p95: 5s, p99: 9s}}
expect: ["good_rate >= 90%", "cost_per_action <= $1"]
"""


def written(folder: Path, **files: str) -> Path:
    """The files in a folder; the last one's path."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / f"{list(files)[-1]}.yaml"


def over(folder: Path, text: str) -> Scenario:
    return load(written(folder, below=FULL, above="extends: below.yaml\n" + text))


def test_maps_merge_and_lists_and_values_are_replaced(tmp_path: Path) -> None:
    document = over(tmp_path, "slo: {latency: {p95: 4s}}\nexpect: [ok_rate >= 95%]\n").document
    assert document.slo.success == 0.99
    assert document.slo.latency == {"p95": 4 * 10**9, "p99": 9 * 10**9}
    assert document.expect == ["ok_rate >= 95%"]


def test_null_removes(tmp_path: Path) -> None:
    document = over(tmp_path, "slo: {latency: {p99: null}, success: null}\nexpect: null\n").document
    assert document.slo.success is None
    assert document.slo.latency == {"p95": 5 * 10**9}
    assert document.expect == []


def test_a_distribution_is_replaced_as_a_whole(tmp_path: Path) -> None:
    document = over(tmp_path, "models: {small: {ttft: {mean: 3s, p99: 9s}, tokens_per_second: 90}}\n").document
    ttft = document.models["small"].ttft
    assert ttft is not None
    assert (ttft.mean_, ttft.p99, ttft.median) == (3 * 10**9, 9 * 10**9, None)
    assert document.models["small"].deployments[0].provider == "acme"


@pytest.mark.parametrize(
    "text",
    [
        "traffic: {users: {daily_active: 9, actions_per_day: 1}}",
        "traffic: {daily_active_users: 9, actions_per_user_per_day: 1}",
    ],
)
def test_one_member_of_a_choice_replaces_the_others(tmp_path: Path, text: str) -> None:
    traffic = over(tmp_path, text).document.traffic
    assert traffic.rate is None
    assert traffic.users is not None and traffic.users.daily_active == 9


def test_short_forms_of_one_layer_merge_with_full_forms_of_another(tmp_path: Path) -> None:
    below = FULL.replace("provider: acme,", "provider: acme, quality: 90%,")
    text = "extends: below.yaml\nmodels: {small: {provider: other, region: eu}}\n"
    model = load(written(tmp_path, below=below, above=text)).document.models["small"]
    assert [(one.provider, one.region) for one in model.deployments] == [("other", "eu")]
    assert model.quality == {"any": 0.9}


@pytest.mark.parametrize("text", ["extends: below.yaml\ntraffic: {trace: b.csv}\n", "--set"])
def test_a_short_form_replaces_all_that_it_stands_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.csv").write_text("")
    columns = "trace: {file: b.csv, columns: {time: t, input: i, output: o}}"
    below = written(tmp_path, below=FULL.replace("rate: 2/s", columns))
    again = (
        load(below, [f"traffic.trace={tmp_path / 'b.csv'}"]) if text == "--set" else load(written(tmp_path, above=text))
    )
    assert again.document.traffic.trace.columns is None


def test_a_chain_of_files_and_a_base(tmp_path: Path) -> None:
    full = FULL.replace("model: small", "model: gpt-4o").replace("acme", "openai")
    first = f"extends: simkit:openai_anthropic\n{full}"
    second, third = "extends: one.yaml\nhorizon: 1d\n", "extends: two.yaml\nhorizon: 2d\n"
    path = written(tmp_path, one=first, two=second, three=third)
    scenario = load(path)
    assert scenario.document.horizon == 2 * 86400 * 10**9
    assert list(scenario.document.models) == ["gpt-4o", "small"], "unused models of a base are left out"
    assert list(scenario.document.providers) == ["openai"]
    assert all(key.split(".")[1] in ("gpt-4o", "openai") for key in scenario.document.sources if "." in key)


def test_paths_start_from_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for folder in ("bases", "elsewhere"):
        (tmp_path / folder / "rows.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n")
    written(tmp_path / "bases", below=FULL.replace("rate: 2/s", "trace: rows.csv"), middle="extends: below.yaml\n")
    path = written(tmp_path, above="extends: bases/middle.yaml\nname: Above\n")
    scenario = load(path)
    assert scenario.trace_path == tmp_path / "bases" / "rows.csv"
    monkeypatch.chdir(tmp_path / "elsewhere")
    for other in (load(path, ["traffic.trace=rows.csv"]), scenario.set({"traffic.trace.file": "rows.csv"})):
        assert other.trace_path is not None
        assert other.trace_path.resolve() == tmp_path / "elsewhere" / "rows.csv"
    with pytest.raises(ScenarioError, match="no such trace file"):
        load(path, ["traffic.trace=bases/rows.csv"])


def test_a_file_that_extends_itself_and_a_long_chain_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"circle: above.yaml -> above.yaml"):
        load(written(tmp_path, above="extends: above.yaml\n"))
    files = {f"f{n}": f"extends: f{n - 1}.yaml\n" for n in range(1, 40)}
    with pytest.raises(ScenarioError, match="More than 20 files"):
        load(written(tmp_path, f0=FULL, **files))


@pytest.mark.parametrize("text", ["extends: [a.yaml]", "extends: 5", "extends: {a: b}"])
def test_extends_is_one_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ScenarioError, match="One file or base"):
        load(written(tmp_path, above=text))


# --- overrides --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("full"), full=FULL)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("traffic.rate=4/s", lambda d: d.traffic.rate == 4),
        ("traffic.users={daily_active: 5, actions_per_day: 1}", lambda d: d.traffic.rate is None),
        ("actions.answer.calls.draft.output=100", lambda d: d.actions["answer"].calls[0].output.all.constant == 100),
        ("actions.answer.calls.draft.output.max=100", lambda d: d.actions["answer"].calls[0].output.max == 100),
        ("actions.answer.calls.0.repeat=3", lambda d: d.actions["answer"].calls[0].repeat.times == 3),
        ("actions.answer.calls.0.repeat.geometric.mean=2", lambda d: d.actions["answer"].calls[0].repeat.times is None),
        ("models.small.ttft.p95=3s", lambda d: d.models["small"].ttft.median == 10**9),
        ("models.small.ttft={gamma: {mean: 1s, cv: 2}}", lambda d: d.models["small"].ttft.p95 is None),
        ("models.small.ttft.gamma={mean: 1s, cv: 2}", lambda d: d.models["small"].ttft.p95 is None),
        ("models.small.quality=90%", lambda d: d.models["small"].quality == {"any": 0.9}),
        ("models.small.provider=other", lambda d: d.models["small"].deployments[0].provider == "other"),
        ("models.small.deployments.0.weight=3", lambda d: d.models["small"].deployments[0].weight == 3),
        ("slo.latency.p50=1s", lambda d: len(d.slo.latency) == 3),
        ("slo.latency={p50: 1s}", lambda d: len(d.slo.latency) == 3),
        ("slo.latency.p99=null", lambda d: list(d.slo.latency) == ["p95"]),
        ("expect.0=null", lambda d: d.expect == ["cost_per_action <= $1"]),
        ("service.workers=4", lambda d: d.service.workers == 4),
        ("name=A = B", lambda d: d.name == "A = B"),
        ("name=#1", lambda d: d.name == "#1"),
        ("slo=~", lambda d: d.slo.success is None),
        ("traffic.daily_active_users=7", None),
    ],
)  # fmt: skip
def test_set_texts(full: Path, text: str, read) -> None:
    if read is None:
        with pytest.raises(ScenarioError, match="`actions_per_user_per_day` is missing"):
            load(full, [text])
    else:
        assert read(load(full, [text]).document)


def test_the_last_override_wins_and_python_values_do_as_texts(full: Path) -> None:
    scenario = load(full, ["traffic.rate=4/s", "traffic.rate=5/s"]).set({"traffic.rate": "6/s"})
    assert scenario.document.traffic.rate == 6
    assert scenario.hash == load(full, {"traffic.rate": "6/s"}).hash == scenario.set({"traffic": {"rate": "6/s"}}).hash
    assert load(full).document.traffic.rate == 2, "a scenario is not changed"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("traffic.raet=4/s", "--set: traffic.raet=4/s\n    `traffic` has no `raet`."),
        ("traffic.rate", "--set: traffic.rate\n    This is not understood.\n    Allowed: PATH=VALUE"),
        ("traffic.rate=", "--set: traffic.rate=\n    This is not understood."),
        ("=5", "--set: =5\n    This is not understood."),
        ("traffic.rate=4", "--set: traffic.rate: 4\n    A number alone does not say its unit."),
        ("traffic.rate=[", "--set: traffic.rate: [\n    A bracket"),
        ("models.small.ttft.p95=0.5s", "--set: models.small.ttft.p95: {median: 1s, p95: 0.5s}\n    p95 is not"),
        ("slo={succes: 99%}", "--set: slo.succes: 99%\n    There is no such key here."),
        ("models.small=null", "full.yaml:5: actions.answer.calls.0.model: small\n    There is no model `small`."),
    ],
)
def test_wrong_overrides_are_told(full: Path, text: str, page: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(full, [text])
    assert page in str(caught.value)


def test_all_wrong_overrides_are_told_at_once(full: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(full, ["traffic.raet=4/s", "slo.success=99", "slo.latency.p95=5"])
    assert len(caught.value.problems) == 3
