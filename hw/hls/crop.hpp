// A part of an image; what lies outside is read and dropped.
#ifndef BITSMITH_CROP_HPP_
#define BITSMITH_CROP_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, height, width, channels; of the part: first_row, rows, first_column, columns, first_channel, outputs.
template <class CONFIG, class IN, class OUT>
void crop(IN &data, OUT &res) {
    unsigned read = 0, written = 0;
Rows:
    for (unsigned r = 0; r < CONFIG::height; r++) {
    Columns:
        for (unsigned c = 0; c < CONFIG::width; c++) {
#pragma HLS PIPELINE
            typename CONFIG::x_t pixel[CONFIG::channels];
#pragma HLS ARRAY_PARTITION variable = pixel complete
            load<CONFIG::channels>(data, read, pixel);
            read++;
            // An unsigned index before the part wraps to a large one, so one comparison tests both ends.
            if (r - CONFIG::first_row < CONFIG::rows && c - CONFIG::first_column < CONFIG::columns) {
                store<CONFIG::outputs>(res, written, pixel + CONFIG::first_channel);
                written++;
            }
        }
    }
}

} // namespace bitsmith

#endif
