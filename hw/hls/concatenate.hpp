// Two tensors of one type joined on the channels.
#ifndef BITSMITH_CONCATENATE_HPP_
#define BITSMITH_CONCATENATE_HPP_

#include "pixels.hpp"

namespace bitsmith {

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void concatenate(LEFT &left, RIGHT &right, OUT &res) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t values[CONFIG::left_channels + CONFIG::right_channels];
        load<CONFIG::left_channels>(left, p, values);
        load<CONFIG::right_channels>(right, p, values + CONFIG::left_channels);
        store<CONFIG::left_channels + CONFIG::right_channels>(res, p, values);
    }
}

} // namespace bitsmith

#endif
