// Two tensors joined value by value. One may be broadcast: its row, column or channel stands for all of the other's.
#ifndef BITSMITH_JOIN_HPP_
#define BITSMITH_JOIN_HPP_

#include "pixels.hpp"

namespace bitsmith {

// CONFIG: y_t, rows, columns, channels; of each side: left_t, left_rows, left_columns, left_channels, and left_held:
// the pixels that are read before all others and kept, 0 where there are as many as in the output. OP::of<y_t>(a, b) is
// the result of two values.
template <class CONFIG, class OP, class LEFT, class RIGHT, class OUT>
void join(LEFT &left, RIGHT &right, OUT &res) {
    typename CONFIG::left_t a[(CONFIG::left_held ? CONFIG::left_held : 1) * CONFIG::left_channels];
    typename CONFIG::right_t b[(CONFIG::right_held ? CONFIG::right_held : 1) * CONFIG::right_channels];
Left:
    for (unsigned p = 0; p < CONFIG::left_held; p++)
        load<CONFIG::left_channels>(left, p, a + p * CONFIG::left_channels);
Right:
    for (unsigned p = 0; p < CONFIG::right_held; p++)
        load<CONFIG::right_channels>(right, p, b + p * CONFIG::right_channels);
Rows:
    for (unsigned r = 0; r < CONFIG::rows; r++) {
    Columns:
        for (unsigned c = 0; c < CONFIG::columns; c++) {
#pragma HLS PIPELINE
            const unsigned place = r * CONFIG::columns + c;
            unsigned i = 0, j = 0;
            if (CONFIG::left_held)
                i = (CONFIG::left_rows == 1 ? 0 : r) * CONFIG::left_columns + (CONFIG::left_columns == 1 ? 0 : c);
            else
                load<CONFIG::left_channels>(left, place, a);
            if (CONFIG::right_held)
                j = (CONFIG::right_rows == 1 ? 0 : r) * CONFIG::right_columns + (CONFIG::right_columns == 1 ? 0 : c);
            else
                load<CONFIG::right_channels>(right, place, b);
            typename CONFIG::y_t y[CONFIG::channels];
        Channels:
            for (unsigned k = 0; k < CONFIG::channels; k++) {
#pragma HLS UNROLL
                y[k] = OP::template of<typename CONFIG::y_t>(
                    a[i * CONFIG::left_channels + (CONFIG::left_channels == 1 ? 0 : k)],
                    b[j * CONFIG::right_channels + (CONFIG::right_channels == 1 ? 0 : k)]);
            }
            store<CONFIG::channels>(res, place, y);
        }
    }
}

} // namespace bitsmith

#endif
