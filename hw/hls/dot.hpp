// The scalar product of two vectors; y_t holds every sum.
#ifndef BITSMITH_DOT_HPP_
#define BITSMITH_DOT_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: left_t, right_t, y_t, size.
template <class CONFIG, class LEFT, class RIGHT, class OUT>
void dot(LEFT &left, RIGHT &right, OUT &res) {
    typename CONFIG::left_t a[CONFIG::size];
    typename CONFIG::right_t b[CONFIG::size];
#pragma HLS ARRAY_PARTITION variable = a complete
#pragma HLS ARRAY_PARTITION variable = b complete
    load<CONFIG::size>(left, 0, a);
    load<CONFIG::size>(right, 0, b);
    typename CONFIG::y_t y[1];
    y[0] = 0;
Products:
    for (unsigned i = 0; i < CONFIG::size; i++) {
#pragma HLS PIPELINE
        y[0] += a[i] * b[i];
    }
    store<1>(res, 0, y);
}

} // namespace bitsmith

#endif
