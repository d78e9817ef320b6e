// The mean of several tensors, from the sum of all but one and that one: rounded once.
#ifndef BITSMITH_AVERAGE_HPP_
#define BITSMITH_AVERAGE_HPP_

#include "division.hpp"
#include "join.hpp"

namespace bitsmith {

// CONFIG: x_t, which holds every sum, and raw, an integer of it; tensors, how many there are; and what division.hpp
// reads.
template <class CONFIG>
struct Mean {
    template <class Y, class A, class B>
    static Y of(const A &a, const B &b) {
#pragma HLS INLINE
        const typename CONFIG::x_t sum = a + b;
        return divide<CONFIG>(CONFIG::raw(sum), CONFIG::division(CONFIG::tensors));
    }
};

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void average(LEFT &left, RIGHT &right, OUT &res) {
    join<CONFIG, Mean<CONFIG>>(left, right, res);
}

} // namespace bitsmith

#endif
