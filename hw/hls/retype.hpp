// Values rounded to types that differ from channel to channel, or from element to element.
#ifndef BITSMITH_RETYPE_HPP_
#define BITSMITH_RETYPE_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, y_t, pixels, channels, per_pixel (types of one pixel serve all), static y_t compute(x_t, unsigned).
template <class CONFIG, class IN, class OUT>
void retype(IN &data, OUT &res) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        typename CONFIG::y_t y[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            y[c] = CONFIG::compute(x[c], CONFIG::per_pixel ? c : p * CONFIG::channels + c);
        }
        store<CONFIG::channels>(res, p, y);
    }
}

} // namespace bitsmith

#endif
