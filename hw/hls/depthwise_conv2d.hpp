// Depthwise convolution: every input channel has its own kernels; the accumulator y_t is exact.
#ifndef BITSMITH_DEPTHWISE_CONV2D_HPP_
#define BITSMITH_DEPTHWISE_CONV2D_HPP_

#include "window.hpp"

namespace bitsmith {

template <class CONFIG, class WEIGHT, class BIAS>
struct DepthwiseConv2D {
    const WEIGHT *weights; // [window_height][window_width][channels][outputs / channels]
    const BIAS *biases;    // [outputs]

    void operator()(const Window<CONFIG> &window, typename CONFIG::y_t y[CONFIG::outputs]) const {
#pragma HLS INLINE
        for (unsigned o = 0; o < CONFIG::outputs; o++) {
#pragma HLS UNROLL
            typename CONFIG::y_t sum = biases[o];
            for (unsigned i = 0; i < CONFIG::window_height; i++) {
                for (unsigned j = 0; j < CONFIG::window_width; j++) {
                    const unsigned at = i * CONFIG::window_width + j;
                    const unsigned c = o / (CONFIG::outputs / CONFIG::channels);
                    sum += typename CONFIG::y_t(window.at(i, j, c) * weights[at * CONFIG::outputs + o]);
                }
            }
            y[o] = sum;
        }
    }
};

template <class CONFIG, class IN, class OUT, class WEIGHT, class BIAS>
void depthwise_conv2d(IN &data, OUT &res, const WEIGHT *weights, const BIAS *biases) {
    const DepthwiseConv2D<CONFIG, WEIGHT, BIAS> compute = {weights, biases};
    slide<CONFIG>(data, res, compute);
}

} // namespace bitsmith

#endif
