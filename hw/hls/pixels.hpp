// How the cores read and write tensors: one pixel (all channels of one place) at a time, row by row, from an array
// (io_parallel) or from a stream with one pixel in each beat (io_stream).
#ifndef BITSMITH_PIXELS_HPP_
#define BITSMITH_PIXELS_HPP_

#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"

// A loop's label is its name in the HLS tool's reports; nothing jumps to it.
#pragma GCC diagnostic ignored "-Wunused-label"

namespace bitsmith {

// VALUE has the width and the binary point of the tensor's own type; only the rounding modes in its name may differ.
template <unsigned CHANNELS, class T, class VALUE>
void load(T *data, unsigned pixel, VALUE *values) {
#pragma HLS INLINE
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        values[c] = data[pixel * CHANNELS + c];
    }
}

template <unsigned CHANNELS, class PACK, class VALUE>
void load(hls::stream<PACK> &data, unsigned, VALUE *values) {
#pragma HLS INLINE
    static_assert(PACK::size == CHANNELS, "a beat is one pixel");
    PACK pack = data.read();
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        values[c] = pack[c];
    }
}

template <unsigned CHANNELS, class T, class VALUE>
void store(T *data, unsigned pixel, const VALUE *values) {
#pragma HLS INLINE
    for (unsigned c = 0; c < CHANNELS; c++) {
#pragma HLS UNROLL
        data[pixel * CHANNELS + c] = values[c];
    }
}

template <unsigned CHANNELS, class PACK, class VALUE>
void store(hls::stream<PACK> &data, unsigned, const VALUE *values) {
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
    const ap_int<T::width> bits = raw;
    T value;
    value.range(T::width - 1, 0) = bits.range(T::width - 1, 0);
    return value;
}

} // namespace bitsmith

#endif
