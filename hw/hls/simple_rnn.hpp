// Simple (Elman) recurrent layer on its inputs x @ kernel + bias; the steps are those of sim/ops/simple_rnn.py.
#ifndef BITSMITH_SIMPLE_RNN_HPP_
#define BITSMITH_SIMPLE_RNN_HPP_

#include "recurrent.hpp"

namespace bitsmith {

template <class CONFIG, class WEIGHT>
struct SimpleRNN {
    static const unsigned units = CONFIG::units;

    const WEIGHT *weights; // [units][units]
    typename CONFIG::state_t state[units];

    explicit SimpleRNN(const WEIGHT *w) : weights(w) {}

    void step(unsigned t, const typename CONFIG::x_t x[units], typename CONFIG::y_t y[units]) {
#pragma HLS INLINE
        typename CONFIG::product_t product[units];
        typename CONFIG::gate_input_t gate_input[units];
        typename CONFIG::y_t output[units];
#pragma HLS ARRAY_PARTITION variable = product complete
        clear<units>(product);
        multiply<CONFIG, units, units, units>(state, weights, product);
        for (unsigned u = 0; u < units; u++) {
#pragma HLS UNROLL
            gate_input[u] = typename CONFIG::exact_gate_input_t(x[u] + product[u]);
            output[u] = CONFIG::activation::compute(gate_input[u]);
            state[u] = typename CONFIG::exact_state_t(output[u]);
            y[u] = output[u];
        }
#ifndef __SYNTHESIS__
        probe<CONFIG>("product", t, product);
        probe<CONFIG>("gate_input", t, gate_input);
        probe<CONFIG>("output", t, output);
        probe<CONFIG>("state", t, state);
#endif
    }
};

template <class CONFIG, class IN, class OUT, class WEIGHT>
void simple_rnn(IN &data, OUT &res, const WEIGHT *weights) {
    SimpleRNN<CONFIG, WEIGHT> cell(weights);
#pragma HLS ARRAY_PARTITION variable = cell.state complete
    clear<CONFIG::units>(cell.state);
    recur<CONFIG>(cell, data, res);
}

template <class CONFIG, class IN, class INITIAL, class OUT, class WEIGHT>
void simple_rnn(IN &data, INITIAL &state, OUT &res, const WEIGHT *weights) {
    SimpleRNN<CONFIG, WEIGHT> cell(weights);
#pragma HLS ARRAY_PARTITION variable = cell.state complete
    start<CONFIG::units, typename CONFIG::initial_state_t>(state, cell.state);
    recur<CONFIG>(cell, data, res);
}

} // namespace bitsmith

#endif
