// Maximum over the whole image, exact.
#ifndef BITSMITH_GLOBAL_MAX_POOL2D_HPP_
#define BITSMITH_GLOBAL_MAX_POOL2D_HPP_

#include "pixels.hpp"

namespace bitsmith {

template <class CONFIG, class IN, class OUT>
void global_max_pool2d(IN &data, OUT &res) {
    typename CONFIG::y_t largest[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = largest complete
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            if (p == 0 || x[c] > largest[c])
                largest[c] = x[c];
        }
    }
    store<CONFIG::channels>(res, 0, largest);
}

} // namespace bitsmith

#endif
