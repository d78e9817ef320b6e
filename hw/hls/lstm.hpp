// Long short-term memory on gate inputs (x @ kernel + bias); the steps and the types are those of sim/ops/lstm.py.
#ifndef BITSMITH_LSTM_HPP_
#define BITSMITH_LSTM_HPP_

#include "recurrent.hpp"

namespace bitsmith {

template <class CONFIG, class WEIGHT>
struct LSTM {
    static const unsigned units = CONFIG::units;
    static const unsigned columns = 4 * units;

    const WEIGHT *weights; // [units][columns]: input, forget, candidate, output
    typename CONFIG::state_t state[units];
    typename CONFIG::cell_t cell[units];

    explicit LSTM(const WEIGHT *w) : weights(w) {}

    void step(unsigned t, const typename CONFIG::x_t x[columns], typename CONFIG::y_t y[CONFIG::outputs]) {
#pragma HLS INLINE
        typename CONFIG::product_t product[columns];
        typename CONFIG::gate_input_t gate_input[3 * units];
        typename CONFIG::gate_t gates[3 * units]; // input, forget, output
        typename CONFIG::candidate_input_t candidate_input[units];
        typename CONFIG::candidate_t candidate[units];
        typename CONFIG::new_cell_t new_cell[units];
        typename CONFIG::cell_output_t cell_output[units];
        typename CONFIG::y_t output[CONFIG::outputs];
#pragma HLS ARRAY_PARTITION variable = product complete
#pragma HLS ARRAY_PARTITION variable = gates complete
        clear<columns>(product);
        multiply<CONFIG, units, columns, columns>(state, weights, product);
        for (unsigned i = 0; i < 3 * units; i++) {
#pragma HLS UNROLL
            const unsigned at = i < 2 * units ? i : i + units;
            gate_input[i] = typename CONFIG::exact_gate_input_t(x[at] + product[at]);
            gates[i] = CONFIG::recurrent_activation::compute(gate_input[i]);
        }
        for (unsigned u = 0; u < units; u++) {
#pragma HLS UNROLL
            const unsigned at = 2 * units + u;
            candidate_input[u] = typename CONFIG::exact_candidate_input_t(x[at] + product[at]);
            candidate[u] = CONFIG::activation::compute(candidate_input[u]);
            new_cell[u] = gates[units + u] * cell[u] + gates[u] * candidate[u];
            cell_output[u] = CONFIG::cell_activation::compute(new_cell[u]);
            const typename CONFIG::exact_state_t hidden = gates[2 * units + u] * cell_output[u];
            output[u] = hidden;
            if (CONFIG::outputs > units)
                output[CONFIG::outputs - units + u] = new_cell[u];
            state[u] = hidden;
            cell[u] = typename CONFIG::exact_cell_t(new_cell[u]);
        }
        for (unsigned i = 0; i < CONFIG::outputs; i++) {
#pragma HLS UNROLL
            y[i] = output[i];
        }
#ifndef __SYNTHESIS__
        probe<CONFIG>("product", t, product);
        probe<CONFIG>("gate_input", t, gate_input);
        probe<CONFIG>("candidate_input", t, candidate_input);
        probe<CONFIG>("gates", t, gates);
        probe<CONFIG>("candidate", t, candidate);
        probe<CONFIG>("new_cell", t, new_cell);
        probe<CONFIG>("cell_output", t, cell_output);
        probe<CONFIG>("output", t, output);
        probe<CONFIG>("state", t, state);
        probe<CONFIG>("cell", t, cell);
#endif
    }
};

template <class CONFIG, class IN, class OUT, class WEIGHT>
void lstm(IN &data, OUT &res, const WEIGHT *weights) {
    LSTM<CONFIG, WEIGHT> cell(weights);
#pragma HLS ARRAY_PARTITION variable = cell.state complete
#pragma HLS ARRAY_PARTITION variable = cell.cell complete
    clear<CONFIG::units>(cell.state);
    clear<CONFIG::units>(cell.cell);
    recur<CONFIG>(cell, data, res);
}

template <class CONFIG, class IN, class STATE, class CELL, class OUT, class WEIGHT>
void lstm(IN &data, STATE &state, CELL &carry, OUT &res, const WEIGHT *weights) {
    LSTM<CONFIG, WEIGHT> cell(weights);
#pragma HLS ARRAY_PARTITION variable = cell.state complete
#pragma HLS ARRAY_PARTITION variable = cell.cell complete
    start<CONFIG::units, typename CONFIG::initial_state_t>(state, cell.state);
    start<CONFIG::units, typename CONFIG::initial_cell_t>(carry, cell.cell);
    recur<CONFIG>(cell, data, res);
}

} // namespace bitsmith

#endif
