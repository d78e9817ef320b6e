"""Random whole networks from model files through every level of ``verify``: ``make fuzz``.

A seed gives a recipe (plain data), a recipe a Keras model with several networks side by side and a configuration, and
these a model file, a build and a comparison: QKeras or Keras in float64, reference, C simulation, Verilog, cycles.
"""
