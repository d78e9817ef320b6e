"""Configurations that are broken by hand: bombs, numbers, types, keys, tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .case import Break, Case, build
from .good import CONFIG, Good

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [{','.join([f'*{a}'] * 9)}]}}\n" for a, b in zip("abcdefgh", "bcdefghi")
)
TEXTS: dict[str, str | bytes] = {
    "a bomb of aliases": BOMB,
    "a bomb of merges": MERGES,
    "a bomb below a key that is left out": "KerasModel: &a [x,x]\nOnnxModel: [*a,*a]\nX: 1\n",
    "merges of itself": "a: &a\n  <<: *a\n",
    "a list of itself": "HLSConfig: &a [*a]\n",
    "keys of itself": "HLSConfig: &a {Model: *a}\n",
    "an alias without an anchor": "ClockPeriod: *a\n",
    "deep lists": "a: " + "[" * 20_000,
    "deep blocks": "".join(f"{' ' * k}a:\n" for k in range(900)),
    "long": "a: 1\n" * 300_000,
    "many values": "HLSConfig: [" + "1," * 30_000 + "1]\n",
    "digits": f"ClockPeriod: {'9' * 200_000}\n",
    "digits of base 60": f"ClockPeriod: 1{':1' * 100_000}\n",
    "fractions of base 60": f"ClockPeriod: 1{':1' * 5_000}.5\n",
    "hexadecimal digits": f"ClockPeriod: 0x{'f' * 200_000}\n",
    "binary digits": f"ClockPeriod: 0b{'1' * 200_000}\n",
    "octal digits": f"ClockPeriod: 0{'7' * 200_000}\n",
    "a number of 400 digits": f"HLSConfig: {{Model: {{ReuseFactor: {'9' * 400}}}}}\n",
    "a float beyond all": "ClockPeriod: 1.0e+999\n",
    "NaN": "ClockPeriod: .nan\n",
    "infinity": "ClockPeriod: .inf\n",
    "minus infinity": "ClockPeriod: -.inf\n",
    "negative": "ClockPeriod: -5\n",
    "zero": "ClockPeriod: 0\n",
    "a truth": "ClockPeriod: yes\n",
    "a date": "ClockPeriod: 2024-01-01\n",
    "a date that is none": "ClockPeriod: 2024-99-99\n",
    "a set": "ClockPeriod: !!set {a, b}\n",
    "bytes": "Part: !!binary aGVsbG8=\n",
    "bytes that are none": "Part: !!binary ü\n",
    "a truth that is none": "ClockPeriod: !!bool perhaps\n",
    "a number that is none": "ClockPeriod: !!int ''\n",
    "a float that is none": "ClockPeriod: !!float ''\n",
    "a time that is none": "ClockPeriod: !!timestamp now\n",
    "pairs that are none": "ClockPeriod: !!pairs [1]\n",
    "an ordered map that is none": "ClockPeriod: !!omap {a: 1}\n",
    "a text of a list": "Part: !!str [a]\n",
    "a Python object": "Part: !!python/object/apply:os.system ['touch hacked']\n",
    "a Python name": "Part: !!python/name:os.system ''\n",
    "a key of a list": "[a, b]: 1\n",
    "a key of keys": "? {a: 1}\n: 1\n",
    "a key of a key without end": "? " * 500 + "a\n",
    "a key that is null": "~: 1\n",
    "a key that is a number": "1: 1\n",
    "a key that is NaN": ".nan: 1\n",
    "a key of bytes": "!!binary aGVsbG8=: 1\n",
    "the value of =": "=: 1\n",
    "a key twice": "ClockPeriod: 5\nClockPeriod: 6\n",
    "a key twice inside": "HLSConfig:\n  Model: {Precision: 'fixed<8,2>', Precision: 'fixed<9,3>'}\n",
    "a layer twice": "HLSConfig:\n  LayerName:\n    dense: {ReuseFactor: 1}\n    dense: {ReuseFactor: 2}\n",
    "a key twice, quoted": "ClockPeriod: 5\n'ClockPeriod': 6\n",
    "two documents": "ClockPeriod: 5\n---\nClockPeriod: 6\n",
    "a list": "- ClockPeriod: 5\n",
    "a text": "ClockPeriod 5\n",
    "a number": "5\n",
    "tabs": "HLSConfig:\n\tModel: 1\n",
    "a colon too many": "a: b: c\n",
    "an open quote": "Part: 'xcu\n",
    "a null byte": "Part: a\x00b\n",
    "no UTF-8": b"Part: \xff\xfe\n",
    "UTF-16": "Part: x\n".encode("utf-16"),
    "a lone surrogate": 'Part: "\\ud800"\n',
    "an escape that is none": 'Part: "\\q"\n',
    "an unknown directive": "%YAML 9.9\n---\nClockPeriod: 5\n",
    "an unknown key": "ClockPeroid: 5\n",
    "an unknown key inside": "HLSConfig: {Model: {Precison: 'fixed<8,2>'}}\n",
    "an unknown key of 100,000 characters": f"{'x' * 100_000}: 5\n",
    "a value of 100,000 characters": f"IOType: {'x' * 100_000}\n",
    "a type of 100,000 characters": f"HLSConfig: {{Model: {{Precision: '{'fixed<8,2>' * 10_000}'}}}}\n",
    "a key with a line break": '"Clock\\nPeriod": 5\n',
    "an unknown layer": "HLSConfig: {LayerName: {absent: {ReuseFactor: 2}}}\n",
    "a section that is null": "HLSConfig: {LayerName: 5}\n",
    "a section that is a list": "HLSConfig: {Model: [1, 2]}\n",
    "a type that is none": "HLSConfig: {Model: {Precision: 'fixed<8'}}\n",
    "a type of negative width": "HLSConfig: {Model: {Precision: 'fixed<-8,2>'}}\n",
    "a type of no width": "HLSConfig: {Model: {Precision: 'fixed<0,0>'}}\n",
    "a type of a million bits": "HLSConfig: {Model: {Precision: 'fixed<1000000,2>'}}\n",
    "a type of digits": f"HLSConfig: {{Model: {{Precision: 'fixed<{'9' * 5000},2>'}}}}\n",
    "a type of a distant point": "Bitsmith: {input: 'fixed<8,99999999>'}\n",
    "an input of a distant point": "Bitsmith: {input: 'fixed<8,-99999999>'}\n",
    "a type that is a number": "HLSConfig: {Model: {Precision: 16}}\n",
    "a type that is a list": "HLSConfig: {Model: {Precision: [16, 6]}}\n",
    "a reuse factor of text": "HLSConfig: {Model: {ReuseFactor: many}}\n",
    "a reuse factor of a half": "HLSConfig: {LayerName: {dense: {ReuseFactor: 1.5}}}\n",
    "a reuse factor of 0": "HLSConfig: {LayerName: {dense: {ReuseFactor: 0}}}\n",
    "a reuse factor beyond all": "HLSConfig: {LayerName: {dense: {ReuseFactor: 99999999999999999999}}}\n",
    "a strategy that is none": "HLSConfig: {Model: {Strategy: Fast}}\n",
    "pixels of text": "Bitsmith: {pixels_per_cycle: all}\n",
    "pixels beyond all": "Bitsmith: {pixels_per_cycle: 1000000000}\n",
    "a prefix that is no name": "Bitsmith: {prefix: '../x'}\n",
    "a prefix of 100,000 characters": f"Bitsmith: {{prefix: {'x' * 100_000}}}\n",
    "a part that runs a command": "Part: '$(touch hacked)'\n",
    "a part with a line break": 'Part: "xcu\\nputs hacked"\n',
    "an uncertainty of 1,000 percent": "ClockUncertainty: 1000%\n",
    "an unknown backend": "Backend: Quartus\n",
}


def _text(text: str | bytes) -> Break:
    def make(folder: Path, good: Good, rng: np.random.Generator) -> None:
        good.put(folder, "model.h5")
        (folder / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def _place(name: str) -> Break:
    def make(folder: Path, good: Good, rng: np.random.Generator) -> None:
        good.put(folder, "model.h5")
        path = folder / "config.yaml"
        if name == "a folder":
            path.mkdir()
        elif name == "no end":
            path.symlink_to("/dev/zero")
        elif name == "a link to itself":
            path.symlink_to(path.name)
        elif name == "no permission":
            path.write_text(CONFIG)
            path.chmod(0)

    return make


def cases() -> list[Case]:
    """Through ``build``, and one in three through ``config`` and, where it names a model, ``build`` without one."""
    found = [Case("yaml", name, build("model.h5", "-c", "config.yaml"), _text(text)) for name, text in TEXTS.items()]
    for name, text in list(TEXTS.items())[::3]:
        found.append(Case("yaml", name, ("config", "model.h5", "-c", "config.yaml"), _text(text)))
    for name in ("absent", "a folder", "no end", "a link to itself", "no permission"):
        command = build("model.h5", "-c", "config.yaml")
        found.append(Case("yaml", name, command, _place(name), private=name == "no permission"))
    alone = ("build", "-c", "config.yaml", "-o", "out")
    named = {
        "names nothing": "ClockPeriod: 5\n",
        "names a number": "KerasModel: 5\n",
        "names itself": "KerasModel: config.yaml\n",
        "names the absent": "KerasModel: absent.h5\n",
        "names the bomb": f"KerasModel: model.h5\n{BOMB}",
        "names a null byte": 'KerasModel: "model\\0.h5"\n',
        "names two": "KerasModel: model.h5\nOnnxModel: model.h5\n",
        "names a folder": "KerasModel: .\n",
    }
    return found + [Case("yaml", name, alone, _text(text)) for name, text in named.items()]
