// The smaller of two tensors' values; y_t holds each that can be the smaller one.
#ifndef BITSMITH_MINIMUM_HPP_
#define BITSMITH_MINIMUM_HPP_

#include "join.hpp"

namespace bitsmith {

struct Smaller {
    template <class Y, class A, class B>
    static Y of(const A &a, const B &b) {
#pragma HLS INLINE
        return a < b ? Y(a) : Y(b);
    }
};

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void minimum(LEFT &left, RIGHT &right, OUT &res) {
    join<CONFIG, Smaller>(left, right, res);
}

} // namespace bitsmith

#endif
