// The index of the first largest value, or `channels` where that is below the threshold (read with every frame).
#ifndef BITSMITH_ARGMAX_HPP_
#define BITSMITH_ARGMAX_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

template <class CONFIG, class IN, class THRESHOLD, class OUT>
void argmax(IN &data, THRESHOLD &threshold, OUT &res) {
    typename CONFIG::x_t x[CONFIG::channels];
    typename CONFIG::x_t least[1];
    load<CONFIG::channels>(data, 0, x);
    load<1>(threshold, 0, least);
    unsigned index = 0;
    typename CONFIG::x_t largest = x[0];
    for (unsigned c = 1; c < CONFIG::channels; c++) {
        if (x[c] > largest) {
            largest = x[c];
            index = c;
        }
    }
    typename CONFIG::y_t y[1];
    y[0] = largest < least[0] ? unsigned(CONFIG::channels) : index;
    store<1>(res, 0, y);
}

} // namespace bitsmith

#endif
