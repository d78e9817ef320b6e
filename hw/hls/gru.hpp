// Gated recurrent unit on gate inputs (x @ kernel + bias); the steps and the types are those of sim/ops/gru.py.
#ifndef BITSMITH_GRU_HPP_
#define BITSMITH_GRU_HPP_

#include "recurrent.hpp"

namespace bitsmith {

template <class CONFIG, class WEIGHT, class BIAS>
struct GRU {
    static const unsigned units = CONFIG::units;
    static const unsigned columns = 3 * units;
    // Without reset_after the candidate's columns are multiplied by the reset state.
    static const unsigned products = CONFIG::reset_after ? columns : 2 * units;

    const WEIGHT *weights; // [units][columns]: update, reset, candidate
    const BIAS *biases;    // [columns]
    typename CONFIG::state_t state[units];

    GRU(const WEIGHT *w, const BIAS *b) : weights(w), biases(b) {}

    void step(unsigned t, const typename CONFIG::x_t x[columns], typename CONFIG::y_t y[units]) {
#pragma HLS INLINE
        typename CONFIG::product_t product[products];
        typename CONFIG::gate_input_t gate_input[2 * units];
        typename CONFIG::gate_t gates[2 * units];
        typename CONFIG::reset_product_t reset_product[units];
        typename CONFIG::candidate_input_t candidate_input[units];
        typename CONFIG::candidate_t candidate[units];
        typename CONFIG::y_t output[units];
#pragma HLS ARRAY_PARTITION variable = product complete
#pragma HLS ARRAY_PARTITION variable = gates complete
#pragma HLS ARRAY_PARTITION variable = reset_product complete
#pragma HLS ARRAY_PARTITION variable = candidate_input complete
        for (unsigned i = 0; i < products; i++) {
#pragma HLS UNROLL
            product[i] = biases[i];
        }
        multiply<CONFIG, units, columns, products>(state, weights, product);
        for (unsigned i = 0; i < 2 * units; i++) {
#pragma HLS UNROLL
            gate_input[i] = typename CONFIG::exact_gate_input_t(x[i] + product[i]);
            gates[i] = CONFIG::recurrent_activation::compute(gate_input[i]);
        }
        reset(gates + units, product + products - units, reset_product);
        candidate_inputs(x, reset_product, candidate_input);
        for (unsigned u = 0; u < units; u++) {
#pragma HLS UNROLL
            candidate[u] = CONFIG::activation::compute(candidate_input[u]);
            const typename CONFIG::y_t kept = gates[u] * state[u];
            const typename CONFIG::y_t added = (typename CONFIG::one_t(1) - gates[u]) * candidate[u];
            output[u] = kept + added;
        }
        for (unsigned u = 0; u < units; u++) {
#pragma HLS UNROLL
            state[u] = typename CONFIG::exact_state_t(output[u]);
            y[u] = output[u];
        }
#ifndef __SYNTHESIS__
        probe<CONFIG>("product", t, product);
        probe<CONFIG>("gate_input", t, gate_input);
        probe<CONFIG>("gates", t, gates);
        probe<CONFIG>("reset_product", t, reset_product);
        probe<CONFIG>("candidate_input", t, candidate_input);
        probe<CONFIG>("candidate", t, candidate);
        probe<CONFIG>("output", t, output);
        probe<CONFIG>("state", t, state);
#endif
    }

    // `product` is the candidate's, for reset_after.
    void reset(const typename CONFIG::gate_t *gate, const typename CONFIG::product_t *product,
               typename CONFIG::reset_product_t *reset_product) {
#pragma HLS INLINE
        for (unsigned u = 0; u < units; u++) {
#pragma HLS UNROLL
            typename CONFIG::exact_reset_product_t exact;
            if (CONFIG::reset_after)
                exact = gate[u] * product[u];
            else
                exact = gate[u] * state[u];
            reset_product[u] = exact;
        }
    }

    void candidate_inputs(const typename CONFIG::x_t *x, const typename CONFIG::reset_product_t *reset_product,
                          typename CONFIG::candidate_input_t *candidate_input) {
#pragma HLS INLINE
        typename CONFIG::candidate_product_t product[units];
#pragma HLS ARRAY_PARTITION variable = product complete
        clear<units>(product);
        if (!CONFIG::reset_after)
            multiply<CONFIG, units, columns, units>(reset_product, weights + 2 * units, product);
        for (unsigned u = 0; u < units; u++) {
#pragma HLS UNROLL
            typename CONFIG::exact_candidate_input_t sum = x[2 * units + u];
            if (CONFIG::reset_after)
                sum += typename CONFIG::exact_candidate_input_t(reset_product[u]);
            else
                sum += typename CONFIG::exact_candidate_input_t(product[u]);
            candidate_input[u] = sum;
        }
    }
};

template <class CONFIG, class IN, class OUT, class WEIGHT, class BIAS>
void gru(IN &data, OUT &res, const WEIGHT *weights, const BIAS *biases) {
    GRU<CONFIG, WEIGHT, BIAS> cell(weights, biases);
#pragma HLS ARRAY_PARTITION variable = cell.state complete
    clear<CONFIG::units>(cell.state);
    recur<CONFIG>(cell, data, res);
}

template <class CONFIG, class IN, class INITIAL, class OUT, class WEIGHT, class BIAS>
void gru(IN &data, INITIAL &state, OUT &res, const WEIGHT *weights, const BIAS *biases) {
    GRU<CONFIG, WEIGHT, BIAS> cell(weights, biases);
#pragma HLS ARRAY_PARTITION variable = cell.state complete
    start<CONFIG::units, typename CONFIG::initial_state_t>(state, cell.state);
    recur<CONFIG>(cell, data, res);
}

} // namespace bitsmith

#endif
