// What gru, lstm and simple_rnn share: one step after the other, the states in registers between them. Each sequence
// starts from zero or from its own initial state, so sequences may follow one another without a pause.
#ifndef BITSMITH_RECURRENT_HPP_
#define BITSMITH_RECURRENT_HPP_

#include "activation.hpp"

#ifndef __SYNTHESIS__
#include "../nnet_utils/nnet_helpers.h"
#endif

namespace bitsmith {

// sums += values @ weights, of whose COLUMNS the first OUTPUTS count. SUM is exact.
template <class CONFIG, unsigned TERMS, unsigned COLUMNS, unsigned OUTPUTS, class VALUE, class WEIGHT, class SUM>
void multiply(const VALUE *values, const WEIGHT *weights, SUM *sums) {
    const unsigned multipliers = (TERMS * OUTPUTS + CONFIG::reuse_factor - 1) / CONFIG::reuse_factor;
#pragma HLS ALLOCATION operation instances = mul limit = multipliers
    (void)multipliers; // only the pragma reads it
    for (unsigned i = 0; i < TERMS; i++) {
#pragma HLS UNROLL
        for (unsigned o = 0; o < OUTPUTS; o++) {
#pragma HLS UNROLL
            sums[o] += SUM(values[i] * weights[i * COLUMNS + o]);
        }
    }
}

template <unsigned SIZE, class T>
void clear(T *values) {
#pragma HLS INLINE
    for (unsigned i = 0; i < SIZE; i++) {
#pragma HLS UNROLL
        values[i] = 0;
    }
}

// The initial state, rounded by the state's type. INITIAL has room for that rounding.
template <unsigned UNITS, class INITIAL, class IN, class STATE>
void start(IN &data, STATE *state) {
#pragma HLS INLINE
    INITIAL values[UNITS];
    load<UNITS>(data, 0, values);
    for (unsigned u = 0; u < UNITS; u++) {
#pragma HLS UNROLL
        state[u] = values[u];
    }
}

// CONFIG: x_t, y_t, steps, inputs (channels of a step), outputs, return_sequences, reuse_factor.
// CELL: step(t, x, y) with its states inside. A step needs the state of the one before, so the tool raises the interval
// to the latency of a step.
template <class CONFIG, class CELL, class IN, class OUT>
void recur(CELL &cell, IN &data, OUT &res) {
#pragma HLS INLINE
Steps:
    for (unsigned t = 0; t < CONFIG::steps; t++) {
#pragma HLS PIPELINE II = CONFIG::reuse_factor
        typename CONFIG::x_t x[CONFIG::inputs];
        typename CONFIG::y_t y[CONFIG::outputs];
#pragma HLS ARRAY_PARTITION variable = x complete
#pragma HLS ARRAY_PARTITION variable = y complete
        load<CONFIG::inputs>(data, t, x);
        cell.step(t, x, y);
        if (CONFIG::return_sequences || t + 1 == CONFIG::steps)
            store<CONFIG::outputs>(res, CONFIG::return_sequences ? t : 0, y);
    }
}

#ifndef __SYNTHESIS__
// For simulations: writes a tensor of step t to the buffer "<layer>.<tensor>" of hls4ml's trace, if there is one.
template <class CONFIG, unsigned WIDTH, class T>
void probe(const char *tensor, unsigned t, const T (&values)[WIDTH]) {
    if (!nnet::trace_enabled || !nnet::trace_outputs)
        return;
    const std::map<std::string, void *>::const_iterator found =
        nnet::trace_outputs->find(std::string(CONFIG::layer()) + "." + tensor);
    if (found == nnet::trace_outputs->end())
        return;
    for (unsigned i = 0; i < WIDTH; i++)
        static_cast<double *>(found->second)[t * WIDTH + i] = values[i].to_double();
}
#endif

} // namespace bitsmith

#endif
