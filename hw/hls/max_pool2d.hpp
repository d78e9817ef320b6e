// Maximum over windows that overlap, leave gaps or reach into the padding, where a padded place never wins.
#ifndef BITSMITH_MAX_POOL2D_HPP_
#define BITSMITH_MAX_POOL2D_HPP_

#include "window.hpp"

namespace bitsmith {

template <class CONFIG>
struct MaxPool2D {
    void operator()(const Window<CONFIG> &window, typename CONFIG::y_t y[CONFIG::outputs]) const {
#pragma HLS INLINE
        for (unsigned c = 0; c < CONFIG::outputs; c++) {
#pragma HLS UNROLL
            bool any = false;
            typename CONFIG::y_t largest = 0;
            for (unsigned i = 0; i < CONFIG::window_height; i++) {
                for (unsigned j = 0; j < CONFIG::window_width; j++) {
                    if (window.inside(i, j) && (!any || window.at(i, j, c) > largest)) {
                        largest = window.at(i, j, c);
                        any = true;
                    }
                }
            }
            y[c] = largest;
        }
    }
};

template <class CONFIG, class IN, class OUT>
void max_pool2d(IN &data, OUT &res) {
    slide<CONFIG>(data, res, MaxPool2D<CONFIG>());
}

} // namespace bitsmith

#endif
