// The sum of two tensors, one of them broadcast; y_t holds every sum.
#ifndef BITSMITH_ADD_HPP_
#define BITSMITH_ADD_HPP_

#include "join.hpp"

namespace bitsmith {

struct Sum {
    template <class Y, class A, class B>
    static Y of(const A &a, const B &b) {
#pragma HLS INLINE
        return a + b;
    }
};

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void add(LEFT &left, RIGHT &right, OUT &res) {
    join<CONFIG, Sum>(left, right, res);
}

} // namespace bitsmith

#endif
