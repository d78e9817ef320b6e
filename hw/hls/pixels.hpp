// How the cores read and write tensors: one pixel (all channels of one place) at a time, row by row, from an array
// (io_parallel) or from a stream with one pixel in each beat (io_stream).
#ifndef BITSMITH_PIXELS_HPP_
#define BITSMITH_PIXELS_HPP_

#include "hls_stream.h"

namespace bitsmith {

template <unsigned CHANNELS, class T>
void load(T *data, unsigned pixel, T values[CHANNELS]) {
#pragma HLS INLINE
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        values[c] = data[pixel * CHANNELS + c];
    }
}

template <unsigned CHANNELS, class PACK>
void load(hls::stream<PACK> &data, unsigned, typename PACK::value_type values[CHANNELS]) {
#pragma HLS INLINE
    static_assert(PACK::size == CHANNELS, "a beat is one pixel");
    PACK pack = data.read();
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        values[c] = pack[c];
    }
}

template <unsigned CHANNELS, class T>
void store(T *data, unsigned pixel, const T values[CHANNELS]) {
#pragma HLS INLINE
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        data[pixel * CHANNELS + c] = values[c];
    }
}

template <unsigned CHANNELS, class PACK>
void store(hls::stream<PACK> &data, unsigned, const typename PACK::value_type values[CHANNELS]) {
#pragma HLS INLINE
    static_assert(PACK::size == CHANNELS, "a beat is one pixel");
    PACK pack;
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        pack[c] = values[c];
    }
    data.write(pack);
}

// The value whose bits are the two's complement of `raw`.
template <class T>
T from_bits(long long raw) {
#pragma HLS INLINE
    T value;
    value.range(T::width - 1, 0) = ap_int<64>(raw).range(T::width - 1, 0);
    return value;
}

} // namespace bitsmith

#endif
