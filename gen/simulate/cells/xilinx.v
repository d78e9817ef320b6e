// The block RAMs of AMD's 7 series, for simulation: Yosys has their ports and timing only.
//
// After AMD's 7 Series FPGAs Memory Resources (UG473). Covered is what Yosys makes of Verilog: both ports apart (TDP),
// or one that reads and one that writes words of twice the width (SDP). Output registers, error correction and cascades
// are not: what a parameter asks for beyond that is an error when the model is elaborated.

module RAMB18E1 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [13:0] ADDRARDADDR, ADDRBWRADDR,
    input [15:0] DIADI, DIBDI,
    input [1:0] DIPADIP, DIPBDIP,
    input [1:0] WEA,
    input [3:0] WEBWE,
    output [15:0] DOADO, DOBDO,
    output [1:0] DOPADOP, DOPBDOP
);
    parameter [255:0] INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0;
    parameter [255:0] INIT_06 = 0, INIT_07 = 0, INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0;
    parameter [255:0] INIT_0C = 0, INIT_0D = 0, INIT_0E = 0, INIT_0F = 0, INIT_10 = 0, INIT_11 = 0;
    parameter [255:0] INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, INIT_15 = 0, INIT_16 = 0, INIT_17 = 0;
    parameter [255:0] INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, INIT_1C = 0, INIT_1D = 0;
    parameter [255:0] INIT_1E = 0, INIT_1F = 0, INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, INIT_23 = 0;
    parameter [255:0] INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0, INIT_28 = 0, INIT_29 = 0;
    parameter [255:0] INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0;
    parameter [255:0] INIT_30 = 0, INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0;
    parameter [255:0] INIT_36 = 0, INIT_37 = 0, INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0;
    parameter [255:0] INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, INIT_3F = 0, INITP_00 = 0, INITP_01 = 0;
    parameter [255:0] INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, INITP_05 = 0, INITP_06 = 0, INITP_07 = 0;
    parameter DOA_REG = 0, DOB_REG = 0, RAM_MODE = "TDP", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE";
    parameter READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST";
    parameter [17:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter RSTREG_PRIORITY_A = "RSTREG", RSTREG_PRIORITY_B = "RSTREG";
    parameter RDADDR_COLLISION_HWCONFIG = "DELAYED_WRITE", SIM_COLLISION_CHECK = "ALL", SIM_DEVICE = "VIRTEX6";
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    parameter IS_RSTRAMARSTRAM_INVERTED = 0, IS_RSTRAMB_INVERTED = 0;
    parameter IS_RSTREGARSTREG_INVERTED = 0, IS_RSTREGB_INVERTED = 0;

    ramb #(
        .ABITS(14),
        .DATA({
            INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38, INIT_37, INIT_36, INIT_35,
            INIT_34, INIT_33, INIT_32, INIT_31, INIT_30, INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A,
            INIT_29, INIT_28, INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20, INIT_1F,
            INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18, INIT_17, INIT_16, INIT_15, INIT_14,
            INIT_13, INIT_12, INIT_11, INIT_10, INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09,
            INIT_08, INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00
        }),
        .NINTHS({
            INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
        }),
        .SDP(RAM_MODE == "SDP"),
        .COVERED(DOA_REG == 0 && DOB_REG == 0 && EN_ECC_READ == "FALSE" && EN_ECC_WRITE == "FALSE"
                 && RAM_EXTENSION_A == "NONE" && RAM_EXTENSION_B == "NONE"),
        .READ_A(READ_WIDTH_A), .READ_B(READ_WIDTH_B), .WRITE_A(WRITE_WIDTH_A), .WRITE_B(WRITE_WIDTH_B),
        .MODE_A(WRITE_MODE_A == "WRITE_FIRST" ? 1 : WRITE_MODE_A == "READ_FIRST" ? 0 : 2),
        .MODE_B(WRITE_MODE_B == "WRITE_FIRST" ? 1 : WRITE_MODE_B == "READ_FIRST" ? 0 : 2),
        .INIT_A(INIT_A), .INIT_B(INIT_B), .SRVAL_A(SRVAL_A), .SRVAL_B(SRVAL_B)
    ) ram (
        .clk_a(CLKARDCLK ^ IS_CLKARDCLK_INVERTED[0]), .clk_b(CLKBWRCLK ^ IS_CLKBWRCLK_INVERTED[0]),
        .en_a(ENARDEN ^ IS_ENARDEN_INVERTED[0]), .en_b(ENBWREN ^ IS_ENBWREN_INVERTED[0]),
        .rst_a(RSTRAMARSTRAM ^ IS_RSTRAMARSTRAM_INVERTED[0]), .rst_b(RSTRAMB ^ IS_RSTRAMB_INVERTED[0]),
        .at_a(ADDRARDADDR[13:0]), .at_b(ADDRBWRADDR[13:0]), .we_a(WEA), .we_b(WEBWE),
        .di_a(DIADI), .dip_a(DIPADIP), .di_b(DIBDI), .dip_b(DIPBDIP),
        .do_a(DOADO), .dop_a(DOPADOP), .do_b(DOBDO), .dop_b(DOPBDOP)
    );
endmodule

module RAMB36E1 (
    output CASCADEOUTA, CASCADEOUTB, SBITERR, DBITERR,
    output [7:0] ECCPARITY,
    output [8:0] RDADDRECC,
    input CASCADEINA, CASCADEINB, INJECTDBITERR, INJECTSBITERR,
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [15:0] ADDRARDADDR, ADDRBWRADDR,
    input [31:0] DIADI, DIBDI,
    input [3:0] DIPADIP, DIPBDIP,
    input [3:0] WEA,
    input [7:0] WEBWE,
    output [31:0] DOADO, DOBDO,
    output [3:0] DOPADOP, DOPBDOP
);
    parameter [255:0] INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0;
    parameter [255:0] INIT_06 = 0, INIT_07 = 0, INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0;
    parameter [255:0] INIT_0C = 0, INIT_0D = 0, INIT_0E = 0, INIT_0F = 0, INIT_10 = 0, INIT_11 = 0;
    parameter [255:0] INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, INIT_15 = 0, INIT_16 = 0, INIT_17 = 0;
    parameter [255:0] INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, INIT_1C = 0, INIT_1D = 0;
    parameter [255:0] INIT_1E = 0, INIT_1F = 0, INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, INIT_23 = 0;
    parameter [255:0] INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0, INIT_28 = 0, INIT_29 = 0;
    parameter [255:0] INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0;
    parameter [255:0] INIT_30 = 0, INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0;
    parameter [255:0] INIT_36 = 0, INIT_37 = 0, INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0;
    parameter [255:0] INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, INIT_3F = 0, INIT_40 = 0, INIT_41 = 0;
    parameter [255:0] INIT_42 = 0, INIT_43 = 0, INIT_44 = 0, INIT_45 = 0, INIT_46 = 0, INIT_47 = 0;
    parameter [255:0] INIT_48 = 0, INIT_49 = 0, INIT_4A = 0, INIT_4B = 0, INIT_4C = 0, INIT_4D = 0;
    parameter [255:0] INIT_4E = 0, INIT_4F = 0, INIT_50 = 0, INIT_51 = 0, INIT_52 = 0, INIT_53 = 0;
    parameter [255:0] INIT_54 = 0, INIT_55 = 0, INIT_56 = 0, INIT_57 = 0, INIT_58 = 0, INIT_59 = 0;
    parameter [255:0] INIT_5A = 0, INIT_5B = 0, INIT_5C = 0, INIT_5D = 0, INIT_5E = 0, INIT_5F = 0;
    parameter [255:0] INIT_60 = 0, INIT_61 = 0, INIT_62 = 0, INIT_63 = 0, INIT_64 = 0, INIT_65 = 0;
    parameter [255:0] INIT_66 = 0, INIT_67 = 0, INIT_68 = 0, INIT_69 = 0, INIT_6A = 0, INIT_6B = 0;
    parameter [255:0] INIT_6C = 0, INIT_6D = 0, INIT_6E = 0, INIT_6F = 0, INIT_70 = 0, INIT_71 = 0;
    parameter [255:0] INIT_72 = 0, INIT_73 = 0, INIT_74 = 0, INIT_75 = 0, INIT_76 = 0, INIT_77 = 0;
    parameter [255:0] INIT_78 = 0, INIT_79 = 0, INIT_7A = 0, INIT_7B = 0, INIT_7C = 0, INIT_7D = 0;
    parameter [255:0] INIT_7E = 0, INIT_7F = 0, INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0;
    parameter [255:0] INITP_04 = 0, INITP_05 = 0, INITP_06 = 0, INITP_07 = 0, INITP_08 = 0, INITP_09 = 0;
    parameter [255:0] INITP_0A = 0, INITP_0B = 0, INITP_0C = 0, INITP_0D = 0, INITP_0E = 0, INITP_0F = 0;
    parameter DOA_REG = 0, DOB_REG = 0, RAM_MODE = "TDP", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE";
    parameter READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST";
    parameter [35:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter RSTREG_PRIORITY_A = "RSTREG", RSTREG_PRIORITY_B = "RSTREG";
    parameter RDADDR_COLLISION_HWCONFIG = "DELAYED_WRITE", SIM_COLLISION_CHECK = "ALL", SIM_DEVICE = "VIRTEX6";
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    parameter IS_RSTRAMARSTRAM_INVERTED = 0, IS_RSTRAMB_INVERTED = 0;
    parameter IS_RSTREGARSTREG_INVERTED = 0, IS_RSTREGB_INVERTED = 0;

    ramb #(
        .ABITS(15),
        .DATA({
            INIT_7F, INIT_7E, INIT_7D, INIT_7C, INIT_7B, INIT_7A, INIT_79, INIT_78, INIT_77, INIT_76, INIT_75,
            INIT_74, INIT_73, INIT_72, INIT_71, INIT_70, INIT_6F, INIT_6E, INIT_6D, INIT_6C, INIT_6B, INIT_6A,
            INIT_69, INIT_68, INIT_67, INIT_66, INIT_65, INIT_64, INIT_63, INIT_62, INIT_61, INIT_60, INIT_5F,
            INIT_5E, INIT_5D, INIT_5C, INIT_5B, INIT_5A, INIT_59, INIT_58, INIT_57, INIT_56, INIT_55, INIT_54,
            INIT_53, INIT_52, INIT_51, INIT_50, INIT_4F, INIT_4E, INIT_4D, INIT_4C, INIT_4B, INIT_4A, INIT_49,
            INIT_48, INIT_47, INIT_46, INIT_45, INIT_44, INIT_43, INIT_42, INIT_41, INIT_40, INIT_3F, INIT_3E,
            INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38, INIT_37, INIT_36, INIT_35, INIT_34, INIT_33,
            INIT_32, INIT_31, INIT_30, INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28,
            INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20, INIT_1F, INIT_1E, INIT_1D,
            INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18, INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12,
            INIT_11, INIT_10, INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08, INIT_07,
            INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00
        }),
        .NINTHS({
            INITP_0F, INITP_0E, INITP_0D, INITP_0C, INITP_0B, INITP_0A, INITP_09, INITP_08, INITP_07, INITP_06,
            INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
        }),
        .SDP(RAM_MODE == "SDP"),
        .COVERED(DOA_REG == 0 && DOB_REG == 0 && EN_ECC_READ == "FALSE" && EN_ECC_WRITE == "FALSE"
                 && RAM_EXTENSION_A == "NONE" && RAM_EXTENSION_B == "NONE"),
        .READ_A(READ_WIDTH_A), .READ_B(READ_WIDTH_B), .WRITE_A(WRITE_WIDTH_A), .WRITE_B(WRITE_WIDTH_B),
        .MODE_A(WRITE_MODE_A == "WRITE_FIRST" ? 1 : WRITE_MODE_A == "READ_FIRST" ? 0 : 2),
        .MODE_B(WRITE_MODE_B == "WRITE_FIRST" ? 1 : WRITE_MODE_B == "READ_FIRST" ? 0 : 2),
        .INIT_A(INIT_A), .INIT_B(INIT_B), .SRVAL_A(SRVAL_A), .SRVAL_B(SRVAL_B)
    ) ram (
        .clk_a(CLKARDCLK ^ IS_CLKARDCLK_INVERTED[0]), .clk_b(CLKBWRCLK ^ IS_CLKBWRCLK_INVERTED[0]),
        .en_a(ENARDEN ^ IS_ENARDEN_INVERTED[0]), .en_b(ENBWREN ^ IS_ENBWREN_INVERTED[0]),
        .rst_a(RSTRAMARSTRAM ^ IS_RSTRAMARSTRAM_INVERTED[0]), .rst_b(RSTRAMB ^ IS_RSTRAMB_INVERTED[0]),
        .at_a(ADDRARDADDR[14:0]), .at_b(ADDRBWRADDR[14:0]), .we_a(WEA), .we_b(WEBWE),
        .di_a(DIADI), .dip_a(DIPADIP), .di_b(DIBDI), .dip_b(DIPBDIP),
        .do_a(DOADO), .dop_a(DOPADOP), .do_b(DOBDO), .dop_b(DOPBDOP)
    );
endmodule

// Both of them. Words are bytes with a ninth bit each, which the ports have apart; H is half the bits of an SDP word.
module ramb #(
    parameter ABITS = 14,
    parameter [(1 << ABITS)-1:0] DATA = 0,
    parameter [(1 << (ABITS - 3))-1:0] NINTHS = 0,
    parameter SDP = 0, COVERED = 1,
    parameter READ_A = 0, READ_B = 0, WRITE_A = 0, WRITE_B = 0, MODE_A = 0, MODE_B = 0,
    parameter H = ABITS == 14 ? 18 : 36, N = H / 9,
    parameter [H-1:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0
) (
    input clk_a, clk_b, en_a, en_b, rst_a, rst_b,
    input [ABITS-1:0] at_a, at_b,
    input [N-1:0] we_a,
    input [2*N-1:0] we_b,
    input [8*N-1:0] di_a, di_b,
    input [N-1:0] dip_a, dip_b,
    output [8*N-1:0] do_a, do_b,
    output [N-1:0] dop_a, dop_b
);
    generate
        if (!COVERED) $error("RAMB: output registers, error correction and cascades are not modelled");
    endgenerate

    function [H-1:0] together(input [H-1:0] apart);
        integer k;
        for (k = 0; k < N; k = k + 1) together[9*k+:9] = {apart[8*N+k], apart[8*k+:8]};
    endfunction
    function [H-1:0] parted(input [H-1:0] word);
        integer k;
        for (k = 0; k < N; k = k + 1) {parted[8*N+k], parted[8*k+:8]} = word[9*k+:9];
    endfunction
    function [9 << (ABITS - 3):0] whole(input integer unused);
        integer k;
        begin
            whole = 0;
            for (k = 0; k < 1 << (ABITS - 3); k = k + 1) whole[9*k+:9] = {NINTHS[k], DATA[8*k+:8]};
        end
    endfunction

    wire [H-1:0] in_a = together({dip_a, di_a});
    wire [H-1:0] in_b = together({dip_b, di_b});
    wire [71:0] out_a, out_b;
    localparam LONG_READ = SDP && READ_A > H, LONG_WRITE = SDP && WRITE_B > H;
    block_ram #(
        .ABITS(ABITS), .INIT(whole(0)), .READ_A(READ_A), .READ_B(READ_B), .WRITE_A(WRITE_A), .WRITE_B(WRITE_B),
        .MODE_A(MODE_A), .MODE_B(MODE_B), .SAFE_A(MODE_A == 0), .SAFE_B(MODE_B == 0),
        .START_A({LONG_READ ? together(INIT_B) : {H{1'b0}}, together(INIT_A)}), .START_B(together(INIT_B)),
        .RESET_A({LONG_READ ? together(SRVAL_B) : {H{1'b0}}, together(SRVAL_A)}), .RESET_B(together(SRVAL_B))
    ) ram (
        .clk_a(clk_a), .en_a(en_a), .write_a(|we_a && WRITE_A != 0), .rst_a(rst_a & en_a), .clear_a(1'b0), .at_a(at_a),
        .bytes_a(WRITE_A < 18 ? {7'd0, we_a[0]} : we_a), .in_a(in_a), .out_a(out_a),
        .clk_b(clk_b), .en_b(en_b), .write_b(|we_b && WRITE_B != 0), .rst_b(rst_b & en_b), .clear_b(1'b0), .at_b(at_b),
        .bytes_b(WRITE_B < 18 ? {7'd0, we_b[0]} : we_b), .in_b(LONG_WRITE ? {in_b, in_a} : in_b), .out_b(out_b)
    );
    assign {dop_a, do_a} = parted(out_a[H-1:0]);
    assign {dop_b, do_b} = parted(LONG_READ ? out_a[2*H-1:H] : out_b[H-1:0]);
endmodule
