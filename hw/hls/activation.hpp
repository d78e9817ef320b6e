// Element-wise functions with one rounding, which the output's type does (its AP_ modes).
#ifndef BITSMITH_ACTIVATION_HPP_
#define BITSMITH_ACTIVATION_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

// CONFIG: x_t, y_t, pixels, channels, static y_t compute(x_t).
template <class CONFIG, class IN, class OUT>
void activation(IN &data, OUT &res) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        typename CONFIG::y_t y[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            y[c] = CONFIG::compute(x[c]);
        }
        store<CONFIG::channels>(res, p, y);
    }
}

// A table's entry: wide_t is x_t with room for the rounding (ap_fixed reads past narrower ones); address_t rounds to
// nearest (ties up) and saturates; its bits are the index.
template <class CONFIG, class ENTRY>
typename CONFIG::y_t lookup(const typename CONFIG::x_t &x, const ENTRY *table) {
#pragma HLS INLINE
    typename CONFIG::address_t address = typename CONFIG::wide_t(x);
    const unsigned index = address.range(CONFIG::address_t::width - 1, 0).to_uint();
    return from_bits<typename CONFIG::y_t>(table[index].to_int64());
}

// By table.
template <class CONFIG, class IN, class OUT, class ENTRY>
void activation(IN &data, OUT &res, const ENTRY *table) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        typename CONFIG::y_t y[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            y[c] = lookup<CONFIG>(x[c], table);
        }
        store<CONFIG::channels>(res, p, y);
    }
}

} // namespace bitsmith

#endif
