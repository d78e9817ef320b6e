// The larger of two tensors' values; y_t holds each that can be the larger one.
#ifndef BITSMITH_MAXIMUM_HPP_
#define BITSMITH_MAXIMUM_HPP_

#include "join.hpp"

namespace bitsmith {

struct Larger {
    template <class Y, class A, class B>
    static Y of(const A &a, const B &b) {
#pragma HLS INLINE
        return a > b ? Y(a) : Y(b);
    }
};

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void maximum(LEFT &left, RIGHT &right, OUT &res) {
    join<CONFIG, Larger>(left, right, res);
}

} // namespace bitsmith

#endif
