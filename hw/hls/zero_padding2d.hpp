// Zeros around an image.
#ifndef BITSMITH_ZERO_PADDING2D_HPP_
#define BITSMITH_ZERO_PADDING2D_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, height, width, channels, top, left; of the output: rows, columns.
template <class CONFIG, class IN, class OUT>
void zero_padding2d(IN &data, OUT &res) {
    unsigned read = 0;
Rows:
    for (unsigned r = 0; r < CONFIG::rows; r++) {
    Columns:
        for (unsigned c = 0; c < CONFIG::columns; c++) {
#pragma HLS PIPELINE
            typename CONFIG::x_t pixel[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = pixel complete
            for (unsigned k = 0; k < CONFIG::channels; k++) {
#pragma HLS UNROLL
                pixel[k] = 0;
            }
            // An unsigned index before the image wraps to a large one, so one comparison tests both ends.
            if (r - CONFIG::top < CONFIG::height && c - CONFIG::left < CONFIG::width) {
                load<CONFIG::channels>(data, read, pixel);
                read++;
            }
            store<CONFIG::channels>(res, r * CONFIG::columns + c, pixel);
        }
    }
}

} // namespace bitsmith

#endif
