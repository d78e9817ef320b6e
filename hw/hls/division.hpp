// A rounded division by a constant, by multiplication with an integer reciprocal. The constants, and the proof that the
// result is exact for every sum, are RoundedDivision's in sim/division.py.
#ifndef BITSMITH_DIVISION_HPP_
#define BITSMITH_DIVISION_HPP_

#include "ap_fixed.h"
#include "pixels.hpp"

namespace bitsmith {

struct Division {
    long long c_positive;
    long long c_negative;
    long long multiplier; // at most 63 bits
    unsigned shift;
    long long divisor; // twice the number of values, aligned
};

// CONFIG: up, tie_to_even, mean_t (the quotient in units of y_t's last place, before y_t's overflow), y_t.
template <class CONFIG>
typename CONFIG::y_t divide(ap_int<64> sum, const Division &by) {
#pragma HLS INLINE
    const ap_int<64> numerator = (sum << (CONFIG::up + 1)) + ap_int<64>(sum < 0 ? by.c_negative : by.c_positive);
    const bool negative = numerator < 0;
    const ap_int<64> magnitude = negative ? ap_int<64>(~numerator) : numerator;
    const ap_int<128> product = ap_int<128>(magnitude) * ap_int<128>(by.multiplier);
    const ap_int<64> floor = product >> by.shift;
    ap_int<64> quotient = negative ? ap_int<64>(~floor) : floor;
    if (CONFIG::tie_to_even && quotient[0] && ap_int<128>(quotient) * ap_int<128>(by.divisor) == numerator)
        quotient -= 1;
    return from_bits<typename CONFIG::mean_t>(quotient.to_int64());
}

} // namespace bitsmith

#endif
