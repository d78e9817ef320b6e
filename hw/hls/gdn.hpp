// Generalized divisive normalization and its inverse; the steps, tables and types are those of sim/ops/gdn.py.
#ifndef BITSMITH_GDN_HPP_
#define BITSMITH_GDN_HPP_

#include "ap_fixed.h"
#include "ap_int.h"
#include "pixels.hpp"

namespace bitsmith {

// A root's integer, `FRACTION` bits behind the point: below 8.
template <unsigned FRACTION>
struct Root {
    typedef ap_uint<FRACTION + 2> m_t; // an argument in [1, 4)
    typedef ap_uint<FRACTION + 3> type;
};

// A function of an argument in [1, 4) or, with one octave, [1, 2), by its line there.
// TABLE: intercept(k), slope(k), octaves, segment_bits, offset_bits, shift.
template <class TABLE, unsigned FRACTION>
typename Root<FRACTION>::type on_line(const typename Root<FRACTION>::m_t &x) {
#pragma HLS INLINE
    const bool lower = TABLE::octaves == 2 && x[FRACTION + 1] == 0;
    // Without the leading one; the lower octave moves up by a bit, so that all segments have the same bits.
    ap_uint<FRACTION + TABLE::octaves> inside = x;
    if (lower)
        inside <<= 1;
    inside[FRACTION + TABLE::octaves - 1] = 0;
    unsigned k = (inside >> TABLE::offset_bits).to_uint();
    if (TABLE::octaves == 2 && !lower)
        k += 1u << TABLE::segment_bits;
    const ap_uint<TABLE::offset_bits> d = inside;
    return (TABLE::intercept(k) + TABLE::slope(k) * d) >> TABLE::shift;
}

// A square root within the reciprocal's domain [1, 2): a line can leave it by its error.
template <unsigned FRACTION>
typename Root<FRACTION>::m_t clamped(const typename Root<FRACTION>::type &q) {
#pragma HLS INLINE
    const typename Root<FRACTION>::m_t low = 1u << FRACTION, high = (2u << FRACTION) - 1;
    return q < low ? low : q > high ? high : typename Root<FRACTION>::m_t(q);
}

// CONFIG: sum_t, aligned_width, odd, most, fraction, seed, scaled_width, inverse, newton, exact_gain_t, gain_t,
// root(m, &q, &r): m's square root and its reciprocal by table, whichever of the two is needed; `seed` fraction bits.
template <class CONFIG>
struct Gain {
    static const unsigned fraction = CONFIG::fraction;
    static const unsigned seed = CONFIG::seed;
    typedef typename Root<fraction>::m_t m_t;
    typedef typename Root<fraction>::type root_t;
    typedef typename Root<seed>::type seed_t;
    typedef ap_int<fraction + seed + 8> wide_t; // every product of m's root and one by table

    static typename CONFIG::gain_t of(const typename CONFIG::sum_t &sum) {
#pragma HLS INLINE
        unsigned h;
        const m_t m = normalize(sum, h);
        seed_t square_root, reciprocal;
        CONFIG::root(m >> (fraction - seed), square_root, reciprocal);
        const root_t root = CONFIG::newton    ? step(square_root, reciprocal, m)
                            : CONFIG::inverse ? root_t(square_root)
                                              : root_t(reciprocal);
        typename CONFIG::exact_gain_t exact = 0;
        const unsigned up = CONFIG::inverse ? h : CONFIG::most - h;
        exact.range(CONFIG::scaled_width - 1, 0) = ap_uint<CONFIG::scaled_width>(root) << up;
        return exact;
    }

    // sum << odd is m * 2**(2h - fraction), m in [1, 4); what is behind m's last bit is cut off.
    static m_t normalize(const typename CONFIG::sum_t &sum, unsigned &h) {
#pragma HLS INLINE
        ap_uint<CONFIG::aligned_width> aligned = 0;
        aligned.range(CONFIG::sum_t::width + CONFIG::odd - 1, CONFIG::odd) = sum.range(CONFIG::sum_t::width - 1, 0);
        h = 0;
        for (unsigned k = 1; k <= CONFIG::most; k++) {
#pragma HLS UNROLL
            if (aligned >> (2 * k) != 0)
                h = k;
        }
        return 2 * h <= fraction ? aligned << (fraction - 2 * h) : aligned >> (2 * h - fraction);
    }

    // One Newton step: r + r * (1 - m * r * r) / 2; for a square root q it is q + r * (m - q * q) / 2.
    static root_t step(const seed_t &square_root, const seed_t &r, const m_t &m) {
#pragma HLS INLINE
        const seed_t q = clamped<seed>(square_root);
        wide_t rest;
        if (CONFIG::inverse)
            rest = ((wide_t(m) << (2 * seed - fraction)) - wide_t(q * q)) >> (2 * seed - fraction);
        else
            rest = ((wide_t(1) << (fraction + seed)) - wide_t(root_t((m * r) >> seed) * r)) >> seed;
        const ap_int<fraction + 8> small = rest;
        return (root_t(CONFIG::inverse ? q : r) << (fraction - seed)) + ((r * small) >> (seed + 1));
    }
};

// sums[i] += gamma[j][i] * squares[j], one sum for each gain
template <class CONFIG, class GAMMA>
void energies(const typename CONFIG::square_t *squares, const GAMMA *gamma, typename CONFIG::sum_t *sums) {
    const unsigned channels = CONFIG::channels, gains = CONFIG::gains;
    const unsigned multipliers = (channels * gains + CONFIG::reuse_factor - 1) / CONFIG::reuse_factor;
#pragma HLS ALLOCATION operation instances = mul limit = multipliers
    (void)multipliers; // only the pragma reads it
    for (unsigned j = 0; j < channels; j++) {
#pragma HLS UNROLL
        for (unsigned i = 0; i < gains; i++) {
#pragma HLS UNROLL
            sums[i] += typename CONFIG::sum_t(squares[j] * gamma[j * gains + i]);
        }
    }
}

// CONFIG: x_t, y_t, square_t, exact_square_t, pixels, channels, gains (1: the same for all channels), reuse_factor, and
// what Gain needs.
template <class CONFIG, class IN, class OUT, class GAMMA, class BETA>
void gdn(IN &data, OUT &res, const GAMMA *gamma, const BETA *beta) {
Pixels:
    for (unsigned p = 0; p < CONFIG::pixels; p++) {
#pragma HLS PIPELINE II = CONFIG::reuse_factor
        typename CONFIG::x_t x[CONFIG::channels];
        typename CONFIG::y_t y[CONFIG::channels];
        typename CONFIG::square_t squares[CONFIG::channels];
        typename CONFIG::sum_t sums[CONFIG::gains];
        typename CONFIG::gain_t gains[CONFIG::gains];
#pragma HLS ARRAY_PARTITION variable = x complete
#pragma HLS ARRAY_PARTITION variable = y complete
#pragma HLS ARRAY_PARTITION variable = squares complete
#pragma HLS ARRAY_PARTITION variable = sums complete
#pragma HLS ARRAY_PARTITION variable = gains complete
        load<CONFIG::channels>(data, p, x);
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            squares[c] = typename CONFIG::exact_square_t(x[c] * x[c]);
        }
        for (unsigned c = 0; c < CONFIG::gains; c++) {
#pragma HLS UNROLL
            sums[c] = beta[c];
        }
        energies<CONFIG>(squares, gamma, sums);
        for (unsigned c = 0; c < CONFIG::gains; c++) {
#pragma HLS UNROLL
            gains[c] = Gain<CONFIG>::of(sums[c]);
        }
        for (unsigned c = 0; c < CONFIG::channels; c++) {
#pragma HLS UNROLL
            y[c] = x[c] * gains[CONFIG::gains == 1 ? 0 : c];
        }
        store<CONFIG::channels>(res, p, y);
    }
}

} // namespace bitsmith

#endif
