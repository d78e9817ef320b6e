// The logarithm of a softmax over the channels by two tables; the steps are those of sim/ops/log_softmax.py.
#ifndef BITSMITH_LOG_SOFTMAX_HPP_
#define BITSMITH_LOG_SOFTMAX_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

template <class CONFIG, class IN, class OUT, class EXP, class LOG>
void log_softmax(IN &data, OUT &res, const EXP *exp_table, const LOG *log_table) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE
        typename CONFIG::x_t x[CONFIG::channels];
        load<CONFIG::channels>(data, p, x);
        typename CONFIG::x_t largest = x[0];
        for (unsigned c = 1; c < CONFIG::channels; c++)
            largest = x[c] > largest ? x[c] : largest;

        typename CONFIG::exact_difference_t difference[CONFIG::channels];
        typename CONFIG::total_t total = 0;
        for (unsigned c = 0; c < CONFIG::channels; c++) {
            difference[c] = largest - x[c];
            typename CONFIG::difference_t d = difference[c];
            const unsigned index = d.range(CONFIG::difference_t::width - 1, 0).to_uint();
            total += from_bits<typename CONFIG::exp_t>(exp_table[index].to_int64());
        }
        typename CONFIG::sum_t sum = total;
        const unsigned index = sum.range(CONFIG::sum_t::width - 1, 0).to_uint();
        const typename CONFIG::log_t log = from_bits<typename CONFIG::log_t>(log_table[index].to_int64());

        typename CONFIG::y_t y[CONFIG::channels];
        for (unsigned c = 0; c < CONFIG::channels; c++)
            y[c] = typename CONFIG::exact_t(-(difference[c] + log));
        store<CONFIG::channels>(res, p, y);
    }
}

} // namespace bitsmith

#endif
