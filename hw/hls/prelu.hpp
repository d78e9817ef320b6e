// A slope below zero for each channel; y_t holds every product.
#ifndef BITSMITH_PRELU_HPP_
#define BITSMITH_PRELU_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, y_t, pixels, channels.
template <class CONFIG, class IN, class OUT, class SLOPE>
void prelu(IN &data, OUT &res, const SLOPE *slope) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        typename CONFIG::y_t y[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            y[c] = x[c];
            if (x[c] < 0)
                y[c] = x[c] * slope[c];
        }
        store<CONFIG::channels>(res, p, y);
    }
}

} // namespace bitsmith

#endif
