"""``make fuzz``: a seed of the day through everything, and a planted fault that shrinks and is found again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz import table
from fuzz.deck import CYCLE, DECISION, NOT_MADE, cards, flavour, stem_of
from fuzz.kinds import KINDS
from fuzz.layerwise import Compared, Held
from fuzz.model import make
from fuzz.prove import Result, alone, prove
from fuzz.recipe import draw
from fuzz.run import failure, line, main
from fuzz.shrink import shrink

import bitsmith.sim.ops  # noqa: F401  fills the registry
from bitsmith.gen.build import load
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.verify.levels import LEVELS
from bitsmith.sim.op import Operator

Need = Callable[..., None]
QUIET = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def _float64() -> Iterator[None]:
    """A recipe's Keras computes in float64; other tests of the process do not."""
    yield
    for name in {"keras", "tf_keras"} & set(sys.modules):
        sys.modules[name].backend.set_floatx("float32")


def test_a_seed_is_a_recipe() -> None:
    """The same every time, another for each seed, and JSON; every kind of layer is drawn by some seed."""
    recipes = [draw(seed) for seed in range(60)]
    assert recipes == [json.loads(json.dumps(draw(seed))) for seed in range(60)]
    assert len({json.dumps(recipe["networks"]) for recipe in recipes}) == 60
    assert {kind for kind in KINDS if f'"kind": "{kind}"' in json.dumps(recipes)} == set(KINDS)


def test_every_class_of_the_registry_is_made_or_has_a_reason() -> None:
    """README's table is what the registry has (tests/house); a kind makes each of it, or ``NOT_MADE`` says why not."""
    named = {name for names in table.layers().values() for name in names}
    made = {name for kind in KINDS.values() for name in kind.makes}
    assert made | set(NOT_MADE) == named
    assert not made & set(NOT_MADE)
    assert {stem_of(name) for name in made} | {DECISION} == set(Operator.registry)


@pytest.mark.parametrize("networks", [2, 6])
def test_every_operator_comes_in_every_run(networks: int) -> None:
    """Wherever a run of builds begins: 55 networks of six a build have all, and the recipes have what they must."""
    builds = len(CYCLE) if networks == 6 else 3 * len(CYCLE)
    recipes = [draw(seed, networks, small=networks == 2) for seed in range(20 + builds)]
    for start in range(20):
        found = set[str]()
        for seed in range(start, start + builds):
            recipe = recipes[seed]
            assert recipe["library"] == flavour(seed).library
            for network, wanted in zip(recipe["networks"], cards(seed, len(recipe["networks"]))):
                kinds = {layer["kind"] for layer in network["layers"]}
                assert wanted[0].kind.name in kinds
                found |= {stem_of(card.class_name) for card in wanted if card.kind.name in kinds}
            found |= {DECISION} if recipe["config"]["Bitsmith"].get("output") == DECISION else set()
        assert found == set(Operator.registry), (start, set(Operator.registry) - found)


def test_every_class_comes_in_an_hour() -> None:
    """That is 150 builds of six networks on two idle cores."""
    found = set[str]()
    for seed in range(150):
        networks = draw(seed)["networks"]
        for network, wanted in zip(networks, cards(seed, len(networks))):
            kinds = {layer["kind"] for layer in network["layers"]}
            dealt = [card for card in wanted if card.kind.name in kinds and card.fits(network["quantized"])]
            found |= {card.class_name for card in dealt}
    assert found == {name for kind in KINDS.values() for name in kind.makes}


def test_shrinking_takes_what_still_fails_and_nothing_else() -> None:
    """A fault that needs two layers of one network, one inside of a branch, and a setting; without Keras."""

    def fails(recipe: Any) -> bool:
        return any(
            all(f'"kind": "{kind}"' in json.dumps(network) for kind in ("fork", "max_pool"))
            for network in recipe["networks"]
        ) and "strategy" in recipe["config"].get("Bitsmith", {})

    seed = next(seed for seed in range(1000) if fails(draw(seed)))
    small = shrink(draw(seed), fails)
    assert fails(small)
    assert len(small["networks"]) == 1
    assert len(small["networks"][0]["layers"]) <= 2
    assert set(small["config"]) == {"Bitsmith"}
    assert set(small["config"]["Bitsmith"]) == {"strategy"}
    assert set(small["networks"][0]["shape"]) == {1}
    assert shrink(draw(seed), fails, seconds=0) == draw(seed)


@pytest.mark.train
@QUIET
@pytest.mark.usefixtures("_float64")
def test_a_planted_fault_is_found_shrunk_and_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a network has a pool of maxima, the level keras is told that something is wrong."""
    level = LEVELS["keras"]

    def faulty(job: Any) -> Any:
        outcome = level(job)
        pools = [node.name for node in job.graph.nodes if node.op.stem == "max_pool2d"]
        outcome.problems += [f"planted at {name}" for name in pools]
        return outcome

    monkeypatch.setitem(LEVELS, "keras", faulty)
    monkeypatch.setattr("fuzz.prove.FRAMES", 4)  # few vectors, soon found
    recipe = min(filter(_suits, (draw(seed, 2, small=True) for seed in range(300))), key=lambda r: len(json.dumps(r)))
    result = prove(recipe, until="keras")
    assert (result.stage, result.reason[:7]) == ("keras", "planted")
    report = failure(result, tmp_path)
    path = tmp_path / f"seed{recipe['seed']}.json"
    assert f"make fuzz REPEAT={path}" in report
    small = json.loads(path.read_text())
    assert [layer["kind"] for network in small["networks"] for layer in network["layers"]] == ["max_pool"]
    assert list((tmp_path / f"{path.stem}_model").glob("model.*"))
    assert main(["--repeat", str(path)]) == 1
    assert "FAILED at keras: planted" in capsys.readouterr().out
    monkeypatch.undo()
    assert prove(small, until="keras").stage == ""


def _suits(recipe: Any) -> bool:
    """A network has a pool of maxima behind another layer."""
    kinds = [[layer["kind"] for layer in network["layers"]] for network in recipe["networks"]]
    return recipe["library"] == "tf_keras" and any("max_pool" in every[1:] for every in kinds)


@pytest.mark.train
@QUIET
@pytest.mark.usefixtures("_float64")
def test_a_layer_that_is_not_what_keras_computes_is_named(tmp_path: Path) -> None:
    """Of networks that are no float model's integers every layer is held to Keras, on the reference's own tensors."""
    recipe = draw(1, 2, small=True)
    made = make(recipe, tmp_path)
    graph = load(made.path, parse_config(made.config))

    def held(graph: Any) -> Held:
        return Compared(made.model, graph, made.config, *made.near, seed=1).hold("n1_")

    assert held(graph).problem == ""
    assert held(graph).layers > 2
    nodes = list(graph.nodes)
    place = next(k for k, node in enumerate(nodes) if node.name.startswith("n1_") and hasattr(node.op, "kernel"))
    op: Any = nodes[place].op
    nodes[place] = replace(
        nodes[place], op=replace(op, kernel=op.kernel + (np.arange(op.kernel.size) == 0).reshape(op.kernel.shape))
    )
    assert held(replace(graph, nodes=tuple(nodes))).problem.startswith(f"layer '{nodes[place].layer}' gives ")


@pytest.mark.train
@QUIET
@pytest.mark.usefixtures("_float64")
def test_the_seed_of_the_day(need: Need, capsys: pytest.CaptureFixture[str]) -> None:
    """Two small networks through every level. Which, is another question every day."""
    need("g++", "verilator")
    seed = int(date.today().strftime("%Y%m%d"))
    result = prove(draw(seed, 2, small=True))
    with capsys.disabled():
        print(f"\nfuzz: today's seed; again: make fuzz SEED={seed} NETWORKS=2 SMALL=1 MINUTES=0: {line(result)}")
    assert result.stage == "", f"{line(result)}\n{json.dumps(result.recipe)}"
    assert result.proven or result.refused


def test_the_table_lists_every_layer_and_every_reason() -> None:
    """Also those that no network had, with 0."""
    tally = table.Tally()
    recipe = alone(draw(1, 2), [0])
    tally.add(Result(recipe, operators={0: ["dense"]}, classes={0: ["QDense", "QDense"]}, compared={"rtl": 24}))
    tally.add(Result(alone(recipe, []), refused={0: "'n0_conv3' is too wide"}))
    tally.add(Result(recipe, "rtl", "2 frames differ"))
    text = tally.text(3600, 7200)
    rows = {words[0]: words[1] for words in (row.split() for row in text.splitlines()) if len(words) > 2}
    assert {stem: rows[stem] for stem in table.layers()} == {s: str(int(s == "dense")) for s in table.layers()}
    assert "QDense 1, TernaryDense 0" in text
    assert "1 × is too wide" in text
    assert "seed 1: rtl: 2 frames differ" in text
    assert "3 builds, 1 networks through every level" in text
    assert "1 networks per hour" in text
    assert f"operators reached: 1 of {len(Operator.registry)}" in text
    assert "1 networks per hour on two idle cores" in text
    assert "failed builds: 1, of these deadlocks: 0" in text
