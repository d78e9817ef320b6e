// What the block RAMs of several FPGAs have in common: a memory in bytes of nine bits with two ports, for simulation.
//
// A port reads and writes words of 1, 2, 4, 9, 18, 36 or 72 bits, at addresses that count single bits without the
// ninths; narrow words see no ninth bit. Where both ports meet in one cycle, a reader gets the old word if the writer
// is SAFE; else it is not defined what it gets, and here it gets the opposite, which no netlist may depend on. Both
// ports are meant to have one clock: across two clocks nothing is said about the moment.
module block_ram #(
    parameter ABITS = 14,
    parameter [9 << (ABITS - 3):0] INIT = 0, // the highest bit is none of the memory's
    parameter READ_A = 18, WRITE_A = 18, READ_B = 18, WRITE_B = 18, // bits of a word
    parameter MODE_A = 0, MODE_B = 0, // what a port shows of its own write: 0 the old word, 1 the new one, 2 nothing
    parameter SAFE_A = 0, SAFE_B = 0,
    parameter [71:0] START_A = 0, START_B = 0, RESET_A = 0, RESET_B = 0
) (
    input clk_a, en_a, write_a, rst_a, clear_a, // clear is the asynchronous reset, and rst needs no en
    input [ABITS-1:0] at_a,
    input [7:0] bytes_a, // which of a word's bytes are written
    input [71:0] in_a,
    output [71:0] out_a,
    input clk_b, en_b, write_b, rst_b, clear_b,
    input [ABITS-1:0] at_b,
    input [7:0] bytes_b,
    input [71:0] in_b,
    output [71:0] out_b
);
    localparam BYTES = 1 << (ABITS - 3);
    reg [8:0] memory [0:BYTES-1];
    integer k;
    initial for (k = 0; k < BYTES; k = k + 1) memory[k] = INIT[9*k+:9];

    wire [ABITS-4:0] from_a, to_a, from_b, to_b;
    wire [71:0] mask_a, put_a, mask_b, put_b;
    reg [71:0] stored_a, stored_b;
    block_ram_port #(ABITS, READ_A, WRITE_A, MODE_A, START_A, RESET_A) a (
        clk_a, en_a, write_a, rst_a, clear_a, at_a, bytes_a, in_a, stored_a, from_a, to_a, mask_a, put_a, out_a
    );
    block_ram_port #(ABITS, READ_B, WRITE_B, MODE_B, START_B, RESET_B) b (
        clk_b, en_b, write_b, rst_b, clear_b, at_b, bytes_b, in_b, stored_b, from_b, to_b, mask_b, put_b, out_b
    );

    // The eight bytes from ``start`` on, those bits turned round that the other port writes now and is not safe to.
    function [71:0] word(input [ABITS-4:0] start, input [ABITS-4:0] other, input [71:0] mask);
        integer i, j;
        begin
            for (i = 0; i < 8; i = i + 1) begin
                word[9*i+:9] = memory[(start + i) % BYTES];
                for (j = 0; j < 8; j = j + 1)
                    if ((start + i) % BYTES == (other + j) % BYTES) word[9*i+:9] = word[9*i+:9] ^ mask[9*j+:9];
            end
        end
    endfunction
    always @* begin
        stored_a = word(from_a, to_b, SAFE_B ? 72'd0 : mask_b);
        stored_b = word(from_b, to_a, SAFE_A ? 72'd0 : mask_a);
    end

    integer p, q;
    always @(posedge clk_a)
        for (p = 0; p < 8; p = p + 1)
            if (mask_a[9*p+:9] != 0)
                memory[to_a+p] <= (memory[to_a+p] & ~mask_a[9*p+:9]) | (put_a[9*p+:9] & mask_a[9*p+:9]);
    always @(posedge clk_b)
        for (q = 0; q < 8; q = q + 1)
            if (mask_b[9*q+:9] != 0)
                memory[to_b+q] <= (memory[to_b+q] & ~mask_b[9*q+:9]) | (put_b[9*q+:9] & mask_b[9*q+:9]);
endmodule

// One port: which bytes it reads (from) and writes (to), which bits of them (mask), and its output register.
module block_ram_port #(
    parameter ABITS = 14, READ = 18, WRITE = 18, MODE = 0,
    parameter [71:0] START = 0, RESET = 0
) (
    input clk, en, write, rst, clear,
    input [ABITS-1:0] at,
    input [7:0] bytes,
    input [71:0] in,
    input [71:0] stored, // eight bytes from ``from`` on
    output [ABITS-4:0] from, to,
    output [71:0] mask, put,
    output [71:0] out
);
    // Address bits that a word of this width does not have, and the bits of a word without the ninths.
    function integer low(input integer width);
        low = width <= 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : width == 9 ? 3 : width == 18 ? 4 : width == 36 ? 5 : 6;
    endfunction
    wire [ABITS-1:0] reads = at >> low(READ) << low(READ);
    wire [ABITS-1:0] writes = at >> low(WRITE) << low(WRITE);
    wire [2:0] read_bit = READ < 9 ? reads[2:0] : 3'd0;
    wire [2:0] write_bit = WRITE < 9 ? writes[2:0] : 3'd0;
    assign from = reads[ABITS-1:3];
    assign to = writes[ABITS-1:3];

    wire [71:0] every = ~(~72'd0 << WRITE);
    wire [71:0] enabled = {
        {9{bytes[7]}}, {9{bytes[6]}}, {9{bytes[5]}}, {9{bytes[4]}}, {9{bytes[3]}}, {9{bytes[2]}}, {9{bytes[1]}},
        {9{bytes[0]}}
    };
    assign mask = en & write ? (every & enabled) << write_bit : 72'd0;
    assign put = in << write_bit;

    // Its own write, seen from where it reads: both words begin in one byte, or in one of a longer word.
    wire [71:0] moved = to >= from ? mask << 9 * (to - from) : mask >> 9 * (from - to);
    wire [71:0] fresh = to >= from ? put << 9 * (to - from) : put >> 9 * (from - to);
    wire [71:0] seen = MODE == 1 ? (stored & ~moved) | (fresh & moved) : stored;
    reg [71:0] register = START;
    always @(posedge clk, posedge clear)
        if (clear) register <= RESET;
        else if (rst) register <= RESET;
        else if (en & ~(write & MODE == 2)) register <= (seen >> read_bit) & ~(~72'd0 << READ);
    assign out = register;
endmodule
