// A simulated top, as the harness sees it: its streams, and what to do with them. A generated device.cpp has the rest.
#pragma once
#include <cstddef>
#include <cstdint>

struct Port {
    const char* prefix;
    size_t bytes, beats;  // of a beat; of a frame
};

struct Ports {
    const Port* first;
    size_t count;
    const Port* begin() const { return first; }
    const Port* end() const { return first + count; }
};

// Streams are counted from 0 in the order of their list. A beat is whole bytes, little endian.
namespace device {
extern const Ports inputs, outputs, traces;
void reset(bool active);
void offer(size_t input, bool valid, bool last, const uint8_t* beat);
bool takes(size_t input);
void ready(size_t output, bool ready);
bool shows(size_t output, uint8_t* beat, bool& last);  // tvalid
bool hands_on(size_t trace, uint8_t* beat);            // tvalid; a beat only then
bool tlast_error();
void threshold(uint64_t raw);
void settle();
void clock();
}  // namespace device
