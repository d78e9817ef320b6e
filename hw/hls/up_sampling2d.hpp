// Every pixel several times along its row, and every row several times.
#ifndef BITSMITH_UP_SAMPLING2D_HPP_
#define BITSMITH_UP_SAMPLING2D_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, height, width, channels, row_factor, column_factor.
template <class CONFIG, class IN, class OUT>
void up_sampling2d(IN &data, OUT &res) {
    typename CONFIG::x_t line[CONFIG::width][CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = line complete dim = 2
    unsigned written = 0;
Rows:
    for (unsigned r = 0; r < CONFIG::height; r++) {
    Copies:
        for (unsigned i = 0; i < CONFIG::row_factor; i++) {
        Columns:
            for (unsigned c = 0; c < CONFIG::width; c++) {
                if (i == 0)
                    load<CONFIG::channels>(data, r * CONFIG::width + c, line[c]);
            Pixels:
                for (unsigned j = 0; j < CONFIG::column_factor; j++) {
#pragma HLS PIPELINE
                    store<CONFIG::channels>(res, written, line[c]);
                    written++;
                }
            }
        }
    }
}

} // namespace bitsmith

#endif
