// Weights of a simulation, from the list that synthesis reads.
#ifndef BITSMITH_FILL_HPP_
#define BITSMITH_FILL_HPP_

namespace bitsmith {

template <class T>
bool fill(T *weights, const double *values, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        weights[i] = values[i];
    return true;
}

} // namespace bitsmith

#endif
