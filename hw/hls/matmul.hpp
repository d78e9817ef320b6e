// The product of two matrices of values; y_t holds every sum.
#ifndef BITSMITH_MATMUL_HPP_
#define BITSMITH_MATMUL_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: left_t, right_t, y_t, rows, held (rows of the right operand), heads, size (of a head in these), columns (of
// a head in the result), terms (of a sum), transposed, reuse_factor.
template <class CONFIG, class LEFT, class RIGHT, class OUT>
void matmul(LEFT &left, RIGHT &right, OUT &res) {
    typename CONFIG::right_t kept[CONFIG::held][CONFIG::heads * CONFIG::size];
#pragma HLS ARRAY_PARTITION variable = kept complete dim = 2
Held:
    for (unsigned s = 0; s < CONFIG::held; s++) {
#pragma HLS PIPELINE
        load<CONFIG::heads * CONFIG::size>(right, s, kept[s]);
    }
Rows:
    for (unsigned t = 0; t < CONFIG::rows; t++) {
#pragma HLS PIPELINE II = CONFIG::reuse_factor
        typename CONFIG::left_t x[CONFIG::heads * CONFIG::terms];
        typename CONFIG::y_t y[CONFIG::heads * CONFIG::columns];
        load<CONFIG::heads * CONFIG::terms>(left, t, x);
    Heads:
        for (unsigned h = 0; h < CONFIG::heads; h++) {
            for (unsigned n = 0; n < CONFIG::columns; n++) {
                typename CONFIG::y_t sum = 0;
                for (unsigned k = 0; k < CONFIG::terms; k++) {
                    const unsigned row = CONFIG::transposed ? n : k, place = CONFIG::transposed ? k : n;
                    sum += x[h * CONFIG::terms + k] * kept[row][h * CONFIG::size + place];
                }
                y[h * CONFIG::columns + n] = sum;
            }
        }
        store<CONFIG::heads * CONFIG::columns>(res, t, y);
    }
}

} // namespace bitsmith

#endif
