// A table of vectors, looked up by an integer.
#ifndef BITSMITH_EMBEDDING_HPP_
#define BITSMITH_EMBEDDING_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t (unsigned, no fraction bits), y_t, pixels, rows, outputs. table: [rows][outputs].
template <class CONFIG, class IN, class OUT, class ENTRY>
void embedding(IN &data, OUT &res, const ENTRY *table) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[1];
        typename CONFIG::y_t y[CONFIG::outputs];
        load<1>(data, p, x);
        const unsigned index = x[0].to_uint();
        const unsigned row = index < CONFIG::rows ? index : CONFIG::rows - 1;
        for (unsigned c = 0; c < CONFIG::outputs; c++) {
#pragma HLS UNROLL
            y[c] = table[row * CONFIG::outputs + c];
        }
        store<CONFIG::outputs>(res, p, y);
    }
}

} // namespace bitsmith

#endif
