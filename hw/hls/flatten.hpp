// A reshape that cannot be done in place: the same values in row-major order under another shape.
#ifndef BITSMITH_FLATTEN_HPP_
#define BITSMITH_FLATTEN_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, pixels, channels (in), out_pixels, out_channels.
template <class CONFIG, class IN, class OUT>
void flatten(IN &data, OUT &res) {
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

} // namespace bitsmith

#endif
