// Mean over the whole image, rounded once.
#ifndef BITSMITH_GLOBAL_AVERAGE_POOL2D_HPP_
#define BITSMITH_GLOBAL_AVERAGE_POOL2D_HPP_

#include "division.hpp"

namespace bitsmith {

template <class CONFIG, class IN, class OUT>
void global_average_pool2d(IN &data, OUT &res) {
    ap_int<64> sums[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = sums complete
    for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
        sums[c] = 0;
    }
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            sums[c] += CONFIG::raw(x[c]);
        }
    }
    typename CONFIG::y_t y[CONFIG::channels];
    for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
        y[c] = divide<CONFIG>(sums[c], CONFIG::division(CONFIG::pixels));
    }
    store<CONFIG::channels>(res, 0, y);
}

} // namespace bitsmith

#endif
