// The difference of two tensors; y_t holds every difference.
#ifndef BITSMITH_SUBTRACT_HPP_
#define BITSMITH_SUBTRACT_HPP_

#include "join.hpp"

namespace bitsmith {

struct Difference {
    template <class Y, class A, class B>
    static Y of(const A &a, const B &b) {
#pragma HLS INLINE
        return a - b;
    }
};

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void subtract(LEFT &left, RIGHT &right, OUT &res) {
    join<CONFIG, Difference>(left, right, res);
}

} // namespace bitsmith

#endif
