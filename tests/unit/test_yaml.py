"""YAML 1.2 with places: what is read, where it stood, and what is refused (pages are in `broken/`)."""

import random
from pathlib import Path

import pytest

from simkit.scenario.errors import ScenarioError
from simkit.scenario.tree import Node, Place, plain
from simkit.scenario.yaml import DEEPEST, MOST, parse, read

ROOT = Place("file.yaml", 1, 1, "")


def tree(text: str) -> Node:
    found = parse(text, ROOT)
    assert found is not None
    return found


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ScenarioError) as caught:
        parse(text, ROOT)
    return [(problem.line, problem.path, problem.message) for problem in caught.value.problems]


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "{a: NO, b: on, c: yes, d: 10:30, e: 1e-3, f: 2026-11, g: 0x1F, h: .5, i: true, j: ~, k: '7', l: 007}"
    assert plain(tree(text)) == {
        "a": "NO", "b": "on", "c": "yes", "d": "10:30", "e": 0.001, "f": "2026-11", "g": 31, "h": 0.5, "i": True,
        "j": None, "k": "7", "l": 7,
    }  # fmt: skip
    assert plain(tree("[.inf, 1_000, 2026-11-02, $3, 2/s, null, False]")) == [
        float("inf"), "1_000", "2026-11-02", "$3", "2/s", None, False,
    ]  # fmt: skip


def test_keys_are_text_and_keep_their_order() -> None:
    assert list(tree("2: a\nNO: b\n1e3: c\n").map) == ["2", "NO", "1e3"]


def test_every_key_and_value_has_its_place() -> None:
    found = tree("# a comment\nname: x\nslo:\n  latency: {p95: 5s,\n     p99: 9s}\nexpect:\n  - one\n  -   two\n")
    latency = found.get("slo", "latency")
    assert latency is not None
    where = {path: (place.line, place.column) for path, place in _places(found)}
    assert where["name"] == (2, 1)
    assert where["slo"] == (3, 1)
    assert where["slo.latency"] == (4, 3)
    assert where["slo.latency.p99"] == (5, 6)
    assert where["expect.1"] == (8, 7)
    value = latency.map["p99"].value_place
    assert value is not None and (value.line, value.column) == (5, 11)


def _places(node: Node) -> list[tuple[str, Place]]:
    below = [*node.map.values(), *node.items]
    return [(node.place.path, node.place), *(place for one in below for place in _places(one))]


def test_aliases_stand_for_their_anchor_and_keep_their_own_place() -> None:
    found = tree("a: &it {x: 1}\nb: *it\n")
    assert plain(found) == {"a": {"x": 1}, "b": {"x": 1}}
    assert found.map["b"].place.line == 2


def test_an_alias_is_counted_as_what_it_stands_for() -> None:
    anchor = f"a: &a [{', '.join(['1'] * 999)}]\n"
    assert len(tree(f"{anchor}b: [{', '.join(['*a'] * 98)}]").map["b"].items) == 98
    assert f"{MOST:,} values" in problems(f"{anchor}b: [{', '.join(['*a'] * 99)}]")[0][2]


def test_a_bomb_is_refused_at_once() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert "100,000 values" in problems("l0: &l0 [x, x]\n" + "\n".join(levels))[0][2]


def test_nesting_has_a_limit() -> None:
    assert plain(tree("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)))
    assert "deeper than 60" in problems("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2))[0][2]
    assert "deeper than 60" in problems("[" * 5000)[0][2]


def test_an_anchor_within_itself_is_refused() -> None:
    assert problems("a: &a {b: *a}") == [(1, "a.b", "There is no such anchor above.")]


def test_all_duplicate_keys_are_told_in_one_pass() -> None:
    found = problems("a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert [(line, path) for line, path, _ in found] == [(2, "b.c"), (3, "a")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a:\n\tb: 1", 2, "tab"),
        ("a:\tb", 1, "tab"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: !!python/object:os.system x", 1, "Tags"),
        ("a: !!str 5", 1, "Tags"),
        ("? [a]\n: b", 1, "plain name"),
        ("a: [1, 2\n\nb: 3", 1, "bracket|closed"),
        ('a: 1\nb: "x', 2, "quote"),
        ("a: b: c", 1, "second `:`"),
        ("a: %x", 1, "begin with `%`"),
        ("a: 1\nb\nc: 3", 3, "second `:`|missing"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_at_its_line(text: str, line: int, message: str) -> None:
    (found,) = problems(text)
    assert found[0] == line
    assert any(one in found[2] for one in message.split("|"))


def test_a_file_is_text_in_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes("\ufeffname: Café\n".encode())
    assert plain(read(file, "a.yaml")) == {"name": "Café"}
    file.write_bytes(b"a: 1\nname: Caf\xe9\n")
    with pytest.raises(ScenarioError) as caught:
        read(file, "a.yaml")
    assert caught.value.problems[0].line == 2


def test_noise_is_read_or_refused_but_never_fails() -> None:
    random.seed(7)
    alphabet = "ab:{}[]&*!|>'\"%@`#-?,\n\t \u00e9\x07~0.1"
    for _ in range(1500):
        text = "".join(random.choices(alphabet, k=random.randint(1, 25)))
        try:
            parse(text, ROOT)
        except ScenarioError as error:
            assert error.problems
