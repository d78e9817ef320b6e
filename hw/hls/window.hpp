// A sliding window over an image: line buffers, one pixel in at a time, one window out at a time.
#ifndef BITSMITH_WINDOW_HPP_
#define BITSMITH_WINDOW_HPP_

#include "pixels.hpp"

namespace bitsmith {

// What a CONFIG says of a window: x_t, y_t, height, width, channels, outputs, window_height, window_width,
// stride_height, stride_width, dilation_height, dilation_width, top, bottom, left, right, reuse_factor.
template <class CONFIG>
struct Window {
    static const unsigned reach_height = (CONFIG::window_height - 1) * CONFIG::dilation_height + 1;
    static const unsigned reach_width = (CONFIG::window_width - 1) * CONFIG::dilation_width + 1;
    static const unsigned padded_height = CONFIG::height + CONFIG::top + CONFIG::bottom;
    static const unsigned padded_width = CONFIG::width + CONFIG::left + CONFIG::right;

    typename CONFIG::x_t values[reach_height][reach_width][CONFIG::channels];
    unsigned row; // of the window's upper left corner, in the padded image
    unsigned column;

    const typename CONFIG::x_t &at(unsigned i, unsigned j, unsigned c) const {
#pragma HLS INLINE
        return values[i * CONFIG::dilation_height][j * CONFIG::dilation_width][c];
    }

    // Whether a place of the window lies in the image and not in the padding.
    bool inside(unsigned i, unsigned j) const {
#pragma HLS INLINE
        const unsigned r = row + i * CONFIG::dilation_height, c = column + j * CONFIG::dilation_width;
        return r + 1 > CONFIG::top && r < CONFIG::top + CONFIG::height && c + 1 > CONFIG::left &&
               c < CONFIG::left + CONFIG::width;
    }
};

// Calls compute(window, y) for every window in row-major order and writes the pixel y. Padded places hold zero.
template <class CONFIG, class COMPUTE, class IN, class OUT>
void slide(IN &data, OUT &res, const COMPUTE &compute) {
    typedef Window<CONFIG> window_t;
    const unsigned last_row = window_t::reach_height - 1, last_column = window_t::reach_width - 1;
    window_t window;
#pragma HLS ARRAY_PARTITION variable = window.values complete dim = 0
    typename CONFIG::x_t lines[window_t::reach_height][window_t::padded_width][CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = lines complete dim = 1
#pragma HLS ARRAY_PARTITION variable = lines complete dim = 3
    unsigned read = 0, written = 0;

Rows:
    for (unsigned r = 0; r < window_t::padded_height; r++) {
    Columns:
        for (unsigned c = 0; c < window_t::padded_width; c++) {
#pragma HLS PIPELINE II = CONFIG::reuse_factor
            typename CONFIG::x_t pixel[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = pixel complete
            const bool image = r + 1 > CONFIG::top && r < CONFIG::top + CONFIG::height && c + 1 > CONFIG::left &&
                               c < CONFIG::left + CONFIG::width;
            if (image) {
                load<CONFIG::channels>(data, read, pixel);
                read++;
            }
            for (unsigned k = 0; k < CONFIG::channels; k++) {
#pragma HLS UNROLL
                const typename CONFIG::x_t value = image ? pixel[k] : typename CONFIG::x_t(0);
                for (unsigned i = 0; i <= last_row; i++) {
#pragma HLS UNROLL
                    for (unsigned j = 0; j < last_column; j++) {
#pragma HLS UNROLL
                        window.values[i][j][k] = window.values[i][j + 1][k];
                    }
                    // lines[i] is the row i + 1 above the window's last; each value moves one row up when it is read.
                    const typename CONFIG::x_t newest = i < last_row ? lines[i + 1][c][k] : value;
                    window.values[i][last_column][k] = newest;
                    lines[i][c][k] = newest;
                }
            }
            if (r >= last_row && (r - last_row) % CONFIG::stride_height == 0 && c >= last_column &&
                (c - last_column) % CONFIG::stride_width == 0) {
                typename CONFIG::y_t y[CONFIG::outputs];
#pragma HLS ARRAY_PARTITION variable = y complete
                window.row = r - last_row;
                window.column = c - last_column;
                compute(window, y);
                store<CONFIG::outputs>(res, written, y);
                written++;
            }
        }
    }
}

} // namespace bitsmith

#endif
