// Mean over windows, rounded once; padded places are not counted.
#ifndef BITSMITH_AVERAGE_POOL2D_HPP_
#define BITSMITH_AVERAGE_POOL2D_HPP_

#include "division.hpp"
#include "window.hpp"

namespace bitsmith {

template <class CONFIG>
struct AveragePool2D {
    void operator()(const Window<CONFIG> &window, typename CONFIG::y_t y[CONFIG::outputs]) const {
#pragma HLS INLINE
        unsigned count = 0;
        for (unsigned i = 0; i < CONFIG::window_height; i++)
            for (unsigned j = 0; j < CONFIG::window_width; j++)
                count += window.inside(i, j) ? 1 : 0;
        for (unsigned c = 0; c < CONFIG::outputs; c++) {
#pragma HLS UNROLL
            ap_int<64> sum = 0; // padded places hold zero
            for (unsigned i = 0; i < CONFIG::window_height; i++)
                for (unsigned j = 0; j < CONFIG::window_width; j++)
                    sum += CONFIG::raw(window.at(i, j, c));
            y[c] = divide<CONFIG>(sum, CONFIG::division(count));
        }
    }
};

template <class CONFIG, class IN, class OUT>
void average_pool2d(IN &data, OUT &res) {
    slide<CONFIG>(data, res, AveragePool2D<CONFIG>());
}

} // namespace bitsmith

#endif
