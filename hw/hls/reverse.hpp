// A sequence from its last step to its first.
#ifndef BITSMITH_REVERSE_HPP_
#define BITSMITH_REVERSE_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, pixels (steps), channels.
template <class CONFIG, class IN, class OUT>
void reverse(IN &data, OUT &res) {
    typename CONFIG::x_t values[CONFIG::pixels][CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = values complete dim = 2
In:
    for (unsigned t = 0; t < CONFIG::pixels; t++) {
#pragma HLS PIPELINE
        load<CONFIG::channels>(data, t, values[CONFIG::pixels - 1 - t]);
    }
Out:
    for (unsigned t = 0; t < CONFIG::pixels; t++) {
#pragma HLS PIPELINE
        store<CONFIG::channels>(res, t, values[t]);
    }
}

} // namespace bitsmith

#endif
