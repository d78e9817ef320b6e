// 2D convolution with dilation or row stride that hls4ml's own streams lack; the accumulator y_t is exact.
#ifndef BITSMITH_CONV2D_HPP_
#define BITSMITH_CONV2D_HPP_

#include "window.hpp"

namespace bitsmith {

template <class CONFIG, class WEIGHT, class BIAS>
struct Conv2D {
    const WEIGHT *weights; // [window_height][window_width][channels][outputs]
    const BIAS *biases;    // [outputs]

    void operator()(const Window<CONFIG> &window, typename CONFIG::y_t y[CONFIG::outputs]) const {
#pragma HLS INLINE
        for (unsigned o = 0; o < CONFIG::outputs; o++) {
#pragma HLS UNROLL
            typename CONFIG::y_t sum = biases[o];
            for (unsigned i = 0; i < CONFIG::window_height; i++) {
                for (unsigned j = 0; j < CONFIG::window_width; j++) {
                    for (unsigned c = 0; c < CONFIG::channels; c++) {
                        const unsigned at = (i * CONFIG::window_width + j) * CONFIG::channels + c;
                        sum += typename CONFIG::y_t(window.at(i, j, c) * weights[at * CONFIG::outputs + o]);
                    }
                }
            }
            y[o] = sum;
        }
    }
};

template <class CONFIG, class IN, class OUT, class WEIGHT, class BIAS>
void conv2d(IN &data, OUT &res, const WEIGHT *weights, const BIAS *biases) {
    const Conv2D<CONFIG, WEIGHT, BIAS> compute = {weights, biases};
    slide<CONFIG>(data, res, compute);
}

} // namespace bitsmith

#endif
