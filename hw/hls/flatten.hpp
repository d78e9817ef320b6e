// A reshape that cannot be done in place: the same values in row-major order under another shape.
#ifndef BITSMITH_FLATTEN_HPP_
#define BITSMITH_FLATTEN_HPP_

#include "pixels.hpp"

namespace bitsmith {

// All values in a memory: to or from one pixel, which has them all anyway.
template <class CONFIG, class IN, class OUT>
void gather(IN &data, OUT &res) {
    typename CONFIG::x_t values[CONFIG::pixels * CONFIG::channels];
In:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        load<CONFIG::channels>(data, p, values + p * CONFIG::channels);
    }
Out:
    for (unsigned p = 0; p < CONFIG::out_pixels; p++) {
#pragma HLS PIPELINE
        store<CONFIG::out_channels>(res, p, values + p * CONFIG::out_channels);
    }
}

// A pixel in where too few values are kept, a pixel out where they are enough: one of both in every step, so that there
// are as many steps as pixels on the side that has more.
template <class CONFIG, class IN, class OUT>
void refill(IN &data, OUT &res) {
    typename CONFIG::x_t values[CONFIG::channels + CONFIG::out_channels];
#pragma HLS ARRAY_PARTITION variable = values complete
    unsigned kept = 0, in = 0, out = 0;
Steps:
    for (unsigned s = 0; s < (CONFIG::pixels > CONFIG::out_pixels ? CONFIG::pixels : CONFIG::out_pixels); s++) {
#pragma HLS PIPELINE
        if (kept < CONFIG::out_channels) {
            load<CONFIG::channels>(data, in++, values + kept);
            kept += CONFIG::channels;
        }
        if (kept >= CONFIG::out_channels) {
            store<CONFIG::out_channels>(res, out++, values);
            kept -= CONFIG::out_channels;
            for (unsigned k = 0; k < CONFIG::channels; k++) {
#pragma HLS UNROLL
                values[k] = values[k + CONFIG::out_channels];
            }
        }
    }
}

// CONFIG: x_t, pixels, channels (in), out_pixels, out_channels.
template <class CONFIG, class IN, class OUT>
void flatten(IN &data, OUT &res) {
#pragma HLS INLINE
    if (CONFIG::pixels == 1 || CONFIG::out_pixels == 1)
        gather<CONFIG>(data, res);
    else
        refill<CONFIG>(data, res);
}

} // namespace bitsmith

#endif
