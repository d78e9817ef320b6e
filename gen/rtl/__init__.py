"""Graph to Verilog: one module for each layer, named after it, and a top with AXI4-Stream ports."""
