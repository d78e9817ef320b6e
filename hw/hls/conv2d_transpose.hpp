// Transposed convolution by phases: one output pixel at a time, with only those weights that meet an input pixel there,
// so that nothing is multiplied by inserted zeros. The accumulator y_t is exact.
#ifndef BITSMITH_CONV2D_TRANSPOSE_HPP_
#define BITSMITH_CONV2D_TRANSPOSE_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, y_t, height, width, channels, outputs, window_height, window_width, stride_height, stride_width,
// dilation_height, dilation_width, top, left (what the full sum loses there), out_height, out_width, reuse_factor.
template <class CONFIG, class WEIGHT, class BIAS>
struct Conv2DTranspose {
    // Input rows and columns that add to one output pixel, and the strides that the loops below go through.
    static const unsigned deep = (CONFIG::window_height - 1) * CONFIG::dilation_height / CONFIG::stride_height + 1;
    static const unsigned wide = (CONFIG::window_width - 1) * CONFIG::dilation_width / CONFIG::stride_width + 1;
    static const unsigned needed_rows = (CONFIG::top + CONFIG::out_height - 1) / CONFIG::stride_height + 1;
    static const unsigned needed_columns = (CONFIG::left + CONFIG::out_width - 1) / CONFIG::stride_width + 1;
    static const unsigned rows = needed_rows > CONFIG::height ? needed_rows : CONFIG::height;
    static const unsigned columns = needed_columns > CONFIG::width ? needed_columns : CONFIG::width;

    const WEIGHT *weights;                                     // [window_height][window_width][channels][outputs]
    const BIAS *biases;                                        // [outputs]
    typename CONFIG::x_t window[deep][wide][CONFIG::channels]; // [a][b]: a rows above, b columns before the newest
    typename CONFIG::x_t lines[deep][columns][CONFIG::channels];

    Conv2DTranspose(const WEIGHT *w, const BIAS *b) : weights(w), biases(b) {}

    // Column c comes into the window; `fresh`: with a pixel of a new row, all older ones move on by a line.
    void shift(unsigned c, bool fresh, const typename CONFIG::x_t pixel[CONFIG::channels]) {
#pragma HLS INLINE
        for (unsigned k = 0; k < CONFIG::channels; k++) {
#pragma HLS UNROLL
            for (unsigned n = 0; n < deep; n++) {
#pragma HLS UNROLL
                const unsigned a = deep - 1 - n, newer = a > 0 ? a - 1 : 0;
                for (unsigned b = wide - 1; b > 0; b--) {
#pragma HLS UNROLL
                    window[a][b][k] = window[a][b - 1][k];
                }
                const typename CONFIG::x_t moved = a > 0 ? lines[newer][c][k] : pixel[k];
                const typename CONFIG::x_t newest = fresh ? moved : lines[a][c][k];
                window[a][0][k] = newest;
                lines[a][c][k] = newest;
            }
        }
    }

    // The pixel `p` rows and `q` columns behind stride (r, c): row a of the window meets the kernel's row
    // (p + a * stride) / dilation, where there is one.
    void compute(unsigned r, unsigned c, unsigned p, unsigned q, typename CONFIG::y_t y[CONFIG::outputs]) const {
#pragma HLS INLINE
        for (unsigned o = 0; o < CONFIG::outputs; o++) {
#pragma HLS UNROLL
            y[o] = biases[o];
        }
        for (unsigned a = 0; a < deep; a++) {
#pragma HLS UNROLL
            for (unsigned b = 0; b < wide; b++) {
#pragma HLS UNROLL
                const unsigned i = p + a * CONFIG::stride_height, j = q + b * CONFIG::stride_width;
                const bool in_kernel = i % CONFIG::dilation_height == 0 && j % CONFIG::dilation_width == 0 &&
                                       i / CONFIG::dilation_height < CONFIG::window_height &&
                                       j / CONFIG::dilation_width < CONFIG::window_width;
                // An unsigned index before the image wraps to a large one, so one comparison tests both ends.
                if (in_kernel && r - a < CONFIG::height && c - b < CONFIG::width)
                    add(a, b, i / CONFIG::dilation_height * CONFIG::window_width + j / CONFIG::dilation_width, y);
            }
        }
    }

    void add(unsigned a, unsigned b, unsigned place, typename CONFIG::y_t y[CONFIG::outputs]) const {
#pragma HLS INLINE
        for (unsigned k = 0; k < CONFIG::channels; k++) {
#pragma HLS UNROLL
            for (unsigned o = 0; o < CONFIG::outputs; o++) {
#pragma HLS UNROLL
                const unsigned at = (place * CONFIG::channels + k) * CONFIG::outputs + o;
                y[o] += typename CONFIG::y_t(window[a][b][k] * weights[at]);
            }
        }
    }
};

// Input row r is read in the first of its phases, and comes from the lines in the others.
template <class CONFIG, class IN, class OUT, class WEIGHT, class BIAS>
void conv2d_transpose(IN &data, OUT &res, const WEIGHT *weights, const BIAS *biases) {
    typedef Conv2DTranspose<CONFIG, WEIGHT, BIAS> core_t;
    core_t core(weights, biases);
#pragma HLS ARRAY_PARTITION variable = core.window complete dim = 0
#pragma HLS ARRAY_PARTITION variable = core.lines complete dim = 1
#pragma HLS ARRAY_PARTITION variable = core.lines complete dim = 3
    unsigned read = 0, written = 0;

Rows:
    for (unsigned r = 0; r < core_t::rows; r++) {
    RowPhases:
        for (unsigned p = 0; p < CONFIG::stride_height; p++) {
        Columns:
            for (unsigned c = 0; c < core_t::columns; c++) {
            ColumnPhases:
                for (unsigned q = 0; q < CONFIG::stride_width; q++) {
#pragma HLS PIPELINE II = CONFIG::reuse_factor
                    typename CONFIG::x_t pixel[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = pixel complete
                    if (p == 0 && q == 0 && r < CONFIG::height && c < CONFIG::width) {
                        load<CONFIG::channels>(data, read, pixel);
                        read++;
                    }
                    if (q == 0)
                        core.shift(c, p == 0, pixel);
                    if (r * CONFIG::stride_height + p - CONFIG::top < CONFIG::out_height &&
                        c * CONFIG::stride_width + q - CONFIG::left < CONFIG::out_width) {
                        typename CONFIG::y_t y[CONFIG::outputs];
#pragma HLS ARRAY_PARTITION variable = y complete
                        core.compute(r, c, p, q, y);
                        store<CONFIG::outputs>(res, written, y);
                        written++;
                    }
                }
            }
        }
    }
}

} // namespace bitsmith

#endif
