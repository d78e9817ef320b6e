// The product of two tensors; y_t holds every product.
#ifndef BITSMITH_MULTIPLY_HPP_
#define BITSMITH_MULTIPLY_HPP_

#include "join.hpp"

namespace bitsmith {

struct Product {
    template <class Y, class A, class B>
    static Y of(const A &a, const B &b) {
#pragma HLS INLINE
        return a * b;
    }
};

template <class CONFIG, class LEFT, class RIGHT, class OUT>
void multiply(LEFT &left, RIGHT &right, OUT &res) {
    join<CONFIG, Product>(left, right, res);
}

} // namespace bitsmith

#endif
