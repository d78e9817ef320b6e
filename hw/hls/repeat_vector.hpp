// A vector as every step of a sequence.
#ifndef BITSMITH_REPEAT_VECTOR_HPP_
#define BITSMITH_REPEAT_VECTOR_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, steps, channels.
template <class CONFIG, class IN, class OUT>
void repeat_vector(IN &data, OUT &res) {
    typename CONFIG::x_t values[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = values complete
    load<CONFIG::channels>(data, 0, values);
Steps:
    for (unsigned t = 0; t < CONFIG::steps; t++) {
#pragma HLS PIPELINE
        store<CONFIG::channels>(res, t, values);
    }
}

} // namespace bitsmith

#endif
