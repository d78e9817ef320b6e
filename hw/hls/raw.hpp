// For test benches and for Python: tensors as plain integers (the value times 2**fraction). Not synthesized.
#ifndef BITSMITH_RAW_HPP_
#define BITSMITH_RAW_HPP_

#include "ap_fixed.h"
#include "hls_stream.h"

namespace bitsmith {

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
long long raw(const ap_fixed<W, I, Q, O, N> &value) {
    ap_int<W> bits;
    bits.range(W - 1, 0) = value.range(W - 1, 0);
    return bits.to_int64();
}

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
long long raw(const ap_ufixed<W, I, Q, O, N> &value) {
    ap_uint<W> bits;
    bits.range(W - 1, 0) = value.range(W - 1, 0);
    return (long long)bits.to_uint64();
}

template <class T>
T value(long long raw) {
    T result;
    result.range(T::width - 1, 0) = ap_int<64>(raw).range(T::width - 1, 0);
    return result;
}

template <unsigned SIZE, class T>
void put(const long long *raws, T *data) {
    for (unsigned i = 0; i < SIZE; i++)
        data[i] = value<T>(raws[i]);
}

template <unsigned SIZE, class PACK>
void put(const long long *raws, hls::stream<PACK> &data) {
    for (unsigned i = 0; i < SIZE; i += PACK::size) {
        PACK pack;
        for (unsigned j = 0; j < PACK::size; j++)
            pack[j] = value<typename PACK::value_type>(raws[i + j]);
        data.write(pack);
    }
}

template <unsigned SIZE, class T>
void get(T *data, long long *raws) {
    for (unsigned i = 0; i < SIZE; i++)
        raws[i] = raw(data[i]);
}

template <unsigned SIZE, class PACK>
void get(hls::stream<PACK> &data, long long *raws) {
    for (unsigned i = 0; i < SIZE; i += PACK::size) {
        PACK pack = data.read();
        for (unsigned j = 0; j < PACK::size; j++)
            raws[i + j] = raw(pack[j]);
    }
}

} // namespace bitsmith

#endif
