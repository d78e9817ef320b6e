// The axes of an image in another order.
#ifndef BITSMITH_PERMUTE_HPP_
#define BITSMITH_PERMUTE_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, pixels, channels (in); rows, columns, out_channels; row_step, column_step, channel_step: how far the
// next one of each is in the input.
template <class CONFIG, class IN, class OUT>
void permute(IN &data, OUT &res) {
    typename CONFIG::x_t values[CONFIG::pixels * CONFIG::channels];
In:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        load<CONFIG::channels>(data, p, values + p * CONFIG::channels);
    }
Rows:
    for (unsigned r = 0; r < CONFIG::rows; r++) {
    Columns:
        for (unsigned c = 0; c < CONFIG::columns; c++) {
#pragma HLS PIPELINE
            typename CONFIG::x_t y[CONFIG::out_channels];
            for (unsigned k = 0; k < CONFIG::out_channels; k++) {
#pragma HLS UNROLL
                y[k] = values[r * CONFIG::row_step + c * CONFIG::column_step + k * CONFIG::channel_step];
            }
            store<CONFIG::out_channels>(res, r * CONFIG::columns + c, y);
        }
    }
}

} // namespace bitsmith

#endif
