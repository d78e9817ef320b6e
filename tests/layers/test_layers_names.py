"""The layers under the names that the documentation gives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = (Path(__file__).parents[2] / "docs" / "usage.md").read_text()
IMPORTS = re.findall(r"`(from bitsmith\S* import [^`]+)`", DOCS)


@pytest.mark.train
def test_the_documented_imports_give_the_trainable_layers() -> None:
    """Exactly as they are written, in a process where nothing else was imported."""
    assert IMPORTS == ["from bitsmith.layers import FixedGRU", "from bitsmith.layers import GDN, FixedGDN"]
    code = ["import bitsmith.layers, sys", "assert 'tf_keras' not in sys.modules", *IMPORTS, "import tf_keras"]
    code += [
        "for layer in (GDN, FixedGDN, FixedGRU):",
        "    assert issubclass(layer, tf_keras.layers.Layer)",
        "    print(tf_keras.saving.get_registered_name(layer))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["Bitsmith>GDN", "Bitsmith>FixedGDN", "Bitsmith>FixedGRU"], done.stderr


def test_no_other_class_is_taken_for_a_layer() -> None:
    import bitsmith.layers as layers
    from bitsmith.layers import gdn, gru

    assert dir(layers) == ["FixedGDN", "FixedGRU", "GDN"]
    with pytest.raises(AttributeError, match="has no attribute 'FixedLSTM'"):
        _ = layers.FixedLSTM
    assert not {"GDN", "FixedGDN", "FixedGRU"} & {*vars(gdn), *vars(gru)}
