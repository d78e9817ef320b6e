// What nextpnr packs an ECP5's logic into, for simulation: half a slice's logic, its register, pads, the clock buffer.
//
// Written after nextpnr's packer and bitstream writer, and Lattice's ECP5 Family Data Sheet. Yosys's own models of
// TRELLIS_COMB and TRELLIS_FF do not serve: that COMB drives no carry, and that FF takes its data from DI alone. Inputs
// that nextpnr leaves open have been given their constants before (routed.py). Delays are not modelled.

// A LUT of four inputs, as logic, half a carry chain or 16 bits of memory, and a multiplexer behind it.
module TRELLIS_COMB (
    input A, B, C, D, M, FCI, F1, FXA, FXB, WD, WAD0, WAD1, WAD2, WAD3, WRE, WCK,
    output F, FCO, OFX
);
    parameter MODE = "LOGIC", CCU2_INJECT1 = "YES", WREMUX = "WRE", WCKMUX = "WCK";
    parameter [15:0] INITVAL = 0;
    parameter ODD = 0; // the second of a slice: its multiplexer joins those of two slices

    wire lut = INITVAL[{D, C, B, A}];
    assign OFX = M ? (ODD ? FXB : F1) : (ODD ? FXA : F);
    generate
        if (MODE == "LOGIC") begin
            assign F = lut;
            assign FCO = 1'b0;
        end else if (MODE == "CCU2") begin
            wire carry = FCI & (CCU2_INJECT1 != "YES");
            wire generates = INITVAL[{2'b00, B, A}] & (CCU2_INJECT1 != "YES");
            assign F = lut ^ carry;
            assign FCO = lut ? FCI : generates;
        end else if (MODE == "DPRAM") begin
            reg [15:0] ram;
            integer k;
            // Word k is at the LUT's inputs D = k[0], B = k[1], C = k[2], A = k[3].
            initial for (k = 0; k < 16; k = k + 1) ram[k] = INITVAL[{k[0], k[2], k[1], k[3]}];
            always @(posedge (WCK ^ (WCKMUX == "INV")))
                if (WREMUX == "1" | (WREMUX != "0" & (WRE ^ (WREMUX == "INV")))) ram[{WAD3, WAD2, WAD1, WAD0}] <= WD;
            assign F = ram[{A, C, B, D}];
            assign FCO = 1'b0;
        end else if (MODE != "RAMW_BLOCK") $error("TRELLIS_COMB: a mode that is not modelled");
    endgenerate
endmodule

// Where a slice used as memory takes its data and write address from.
module TRELLIS_RAMW (
    input A0, B0, C0, D0, A1, B1, C1, D1,
    output WDO0, WDO1, WDO2, WDO3, WADO0, WADO1, WADO2, WADO3
);
    assign {WDO3, WDO2, WDO1, WDO0} = {B1, D1, A1, C1};
    assign {WADO3, WADO2, WADO1, WADO0} = {A0, C0, B0, D0};
endmodule

module TRELLIS_FF (input CLK, LSR, CE, DI, M, output reg Q);
    parameter GSR = "ENABLED", CEMUX = "1", CLKMUX = "CLK", LSRMUX = "LSR", SRMODE = "LSR_OVER_CE";
    parameter REGSET = "RESET", LSRMODE = "LSR";
    parameter SD = "0"; // where its data comes from: 0, M; 1, the LUT through DI

    generate
        if (LSRMODE != "LSR" || (SRMODE != "ASYNC" && SRMODE != "LSR_OVER_CE"))
            $error("TRELLIS_FF: a preload, or an enable over the reset, is not modelled");
    endgenerate
    localparam SET = REGSET == "SET";
    wire enable = CEMUX == "1" | (CEMUX != "0" & (CE ^ (CEMUX == "INV")));
    wire reset = LSR ^ (LSRMUX == "INV");
    wire clear = reset & (SRMODE == "ASYNC");
    initial Q = SET;
    always @(posedge (CLK ^ (CLKMUX == "INV")), posedge clear)
        if (clear) Q <= SET;
        else if (reset) Q <= SET;
        else if (enable) Q <= SD == "1" ? DI : M;
endmodule

module DCCA (input CLKI, CE, output CLKO);
    assign CLKO = CLKI;
endmodule

// TRELLIS_IO by its direction, which is the name of the model, so that no net is driven from both sides.
module TRELLIS_IO_INPUT (input B, I, T, output O);
    parameter DIR = "INPUT", DATAMUX_ODDR = "PADDO", DATAMUX_MDDR = "PADDO";
    assign O = B;
endmodule

module TRELLIS_IO_OUTPUT (input I, T, output B, O);
    parameter DIR = "OUTPUT", DATAMUX_ODDR = "PADDO", DATAMUX_MDDR = "PADDO";
    assign B = I;
endmodule
