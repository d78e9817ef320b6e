// Drives a top's AXI4-Stream ports from files, checks the protocol and counts cycles. The top is a device.cpp.
//
// usage: harness FOLDER FRAMES SEED THRESHOLD IDLE STALLS RESETS WINDOW HOLDS QUIET WRONG_TLASTS TRACED
//   FOLDER        <port>.in is read; <port>.out and <port>.aborted are written: beats, each whole bytes, little endian
//   FRAMES        how many come out at the end, the file's frames over and over where they are fewer
//   IDLE          give up after so many cycles without a transfer
//   STALLS        1: random pauses of every source and sink, and noise on tdata and tlast while tvalid is low
//   RESETS        so many times a reset after a few WINDOWs of cycles at most: at full speed, under stalls, with
//                 full buffers and at rest in turn
//   HOLDS         1: ports pause until nothing has moved for QUIET cycles, so that every buffer fills and drains;
//                 as many frames as that takes, and at least FRAMES
//   WRONG_TLASTS  before all else so many times an early, a missing and a late tlast on each input, first at full speed,
//                 then under stalls, each followed by a reset
//   TRACED        1: what the layers hand on is written, too
// A report goes to stdout as JSON, in the last line. Cycle 0 is the first one after the last reset.
#include <set>

#include "device.hpp"
#include "streams.hpp"

namespace {

const uint64_t LONG = 200000;  // a top that takes longer until nothing moves has its buffers filled and drained once, not twice

struct Options {
    std::string folder;
    size_t frames;
    uint64_t seed;
    int64_t threshold;
    uint64_t idle;
    bool stalls;
    uint64_t resets, window;
    bool holds;
    uint64_t quiet;
    uint64_t wrong_tlasts;
    bool traced;
};

struct Bench {
    std::vector<Source> sources;
    std::vector<Sink> sinks;
    std::vector<Probe> probes;
    Random random;
    uint64_t cycle = 0;
    int64_t first_input = -1;
    bool tlast_was_wrong = false, traced = true;
    std::set<uint64_t> latencies;

    explicit Bench(uint64_t seed) : random(seed) {}

    void drive(bool reset, size_t limit_frames) {
        device::reset(reset);
        for (auto& source : sources) source.offer(reset ? 0 : limit_frames == SIZE_MAX ? SIZE_MAX : limit_frames * source.beats);
        for (auto& sink : sinks) sink.ready = sink.pace.go();
        for (size_t k = 0; k < sources.size(); k++) device::offer(k, sources[k].valid, sources[k].last(), sources[k].beat());
        for (size_t k = 0; k < sinks.size(); k++) device::ready(k, sinks[k].ready);
        device::settle();
    }

    bool take(Source& source, bool ready) {
        if (!source.valid || !ready) return false;
        if (first_input < 0) first_input = static_cast<int64_t>(cycle);
        tlast_was_wrong |= source.is_wrong();
        source.sent++;
        source.valid = false;
        return true;
    }

    bool sample() {
        bool moved = false;
        check_tlast_error();
        for (size_t k = 0; k < sources.size(); k++) moved |= take(sources[k], device::takes(k));
        for (size_t k = 0; k < sinks.size(); k++) {
            bool last = false;
            const bool valid = device::shows(k, sinks[k].now.data(), last);
            moved |= sinks[k].observe(valid, last, cycle);
        }
        for (size_t k = 0; traced && k < probes.size(); k++)
            if (device::hands_on(k, probes[k].now.data())) probes[k].observe();
        return moved;
    }

    // It rises in the cycle after a wrong tlast was taken, and stays.
    void check_tlast_error() {
        if (device::tlast_error() == tlast_was_wrong) return;
        report(tlast_was_wrong ? "tlast_error is low though a tlast was wrong" : "tlast_error is set though every tlast was right",
               " at cycle " + std::to_string(cycle));
    }

    // Mostly one cycle: in more of them a pipeline without a reset would run empty.
    void any_reset() { reset(random.below(4) == 0 ? 4 : 1); }

    void reset(uint64_t cycles = 4) {
        for (auto& source : sources) source.restart();
        for (uint64_t k = 0; k < cycles; k++) {
            drive(true, 0);
            if (k > 0) {
                if (device::tlast_error()) report("tlast_error is high in reset", "");
                bool last = false;
                for (size_t k = 0; k < sinks.size(); k++)
                    if (device::shows(k, sinks[k].now.data(), last)) report("tvalid is high in reset on ", sinks[k].name);
            }
            device::clock();
        }
        tlast_was_wrong = false;
        for (auto& sink : sinks) sink.restart();
        for (auto& probe : probes) probe.restart();
        cycle = 0, first_input = -1;
    }

    bool step(size_t limit_frames = SIZE_MAX) {
        drive(false, limit_frames);
        bool moved = sample();
        device::clock();
        cycle++;
        return moved;
    }

    void pace(bool stalls, bool sources_held = false, bool sinks_held = false) {
        for (auto& source : sources) source.pace.stalls = stalls, source.pace.held = sources_held;
        for (auto& sink : sinks) sink.pace.stalls = stalls, sink.pace.held = sinks_held;
    }

    // So many frames through the device; false where nothing moved for `idle` cycles.
    bool run(size_t frames, uint64_t idle) {
        for (auto& sink : sinks) {
            sink.total = frames * sink.beats;
            if (sink.taken > sink.total) report("surplus beat on ", sink.where(cycle));
        }
        for (uint64_t quiet = 0; quiet < idle;) {
            bool done = true;
            for (auto& sink : sinks) done &= sink.done();
            if (done) return true;
            quiet = step(frames) ? 0 : quiet + 1;
        }
        return false;
    }

    // A reset at a random cycle, whatever is on its way then: at full speed, under stalls, with full buffers, at rest.
    void abort(uint64_t kind, uint64_t window) {
        pace(kind == 1);
        for (uint64_t k = 1 + random.below(kind == 1 ? 2 * window : window); k > 0; k--) step();
        if (kind != 1) note_latency();
        if (kind > 1) {
            pace(false, kind == 3, kind == 2);
            for (uint64_t k = random.below(window); k > 0; k--) step();
        }
        for (auto& sink : sinks) sink.keep_aborted();
        for (auto& probe : probes) probe.keep_aborted();
        any_reset();
    }

    // How long the first frame took at full speed: after a reset as at the start.
    void note_latency() {
        uint64_t end = 0;
        for (const auto& sink : sinks) {
            if (sink.frame_ends.empty()) return;
            end = std::max(end, sink.frame_ends[0]);
        }
        latencies.insert(end - static_cast<uint64_t>(first_input) + 1);
    }

    // What has nothing to do with the port that is held goes on for ever, hence the limit.
    void until_still(uint64_t cycles) {
        for (uint64_t quiet = 0, all = 0; quiet < cycles && all < 4 * cycles; all++) quiet = step() ? 0 : quiet + 1;
    }

    // Every buffer filled up and drained, from both ends and from each port alone; returns the frames begun.
    size_t hold(uint64_t cycles) {
        for (int round = 0; round < (cycles < LONG ? 2 : 1); round++) {
            pace(false, false, true);
            until_still(cycles);
            pace(round == 0);
            for (uint64_t k = random.below(cycles); k > 0; k--) step();
            pace(false, true, false);
            until_still(cycles);
        }
        const size_t ports = sources.size() + sinks.size();
        for (size_t k = 0; ports > 2 && k < ports; k++) {
            pace(false);
            (k < sinks.size() ? sinks[k].pace : sources[k - sinks.size()].pace).held = true;
            until_still(cycles);
        }
        size_t frames = 0;
        for (const auto& source : sources) frames = std::max(frames, source.frames());
        return frames;
    }

    // One wrong tlast: tlast_error must rise then, stay for a while, and fall in reset.
    void wrong_tlast(Source& source, int kind, bool stalls, uint64_t idle) {
        pace(stalls);
        for (auto& sink : sinks) sink.any_last = true;
        const size_t end = (1 + (stalls ? random.below(2) : 0)) * source.beats - 1;  // the last beat of a frame
        if (kind == 0) source.wrong = {end - 1 - random.below(source.beats - 1)};
        if (kind == 1) source.wrong = {end};
        if (kind == 2) source.wrong = {end, end + 1};
        // Other inputs may go on for ever while this one stands still, so that only its own beats count.
        for (uint64_t quiet = 0; quiet < idle && source.sent < source.wrong.back() + 2;) {
            const size_t sent = source.sent;
            step();
            quiet = source.sent != sent ? 0 : quiet + 1;
        }
        if (!tlast_was_wrong) report("deadlock: no transfer for ", std::to_string(idle) + " cycles before a wrong tlast");
        for (int k = 0; k < 64; k++) step();
        any_reset();
    }

    // Early, missing and late; with one beat a frame there is only the missing one.
    void wrong_tlasts(uint64_t idle, uint64_t rounds) {
        for (uint64_t round = 0; round < rounds; round++)
            for (auto& source : sources)
                for (int kind = 0; kind < 3; kind++)
                    if (kind == 1 || source.beats > 1) wrong_tlast(source, kind, round > 0, idle);
    }
};

void print_report(const Bench& bench, bool finished, size_t frames) {
    auto number = [](uint64_t value) { return std::to_string(value); };
    auto ends = list(bench.sinks, [&](const Sink& sink) { return list(sink.frame_ends, number); });
    auto sinks = list(bench.sinks, [&](const Sink& sink) { return list(sink.aborted_beats, number); });
    auto probes = list(bench.probes, [&](const Probe& probe) { return list(probe.aborted_beats, number); });
    auto lines = list(problems, [](const std::pair<const std::string, std::string>& line) { return "\"" + line.second + "\""; });
    std::printf("{\"finished\": %s, \"frames\": %llu, \"cycles\": %llu, \"first_input\": %lld, ", finished ? "true" : "false",
                static_cast<unsigned long long>(frames), static_cast<unsigned long long>(bench.cycle),
                static_cast<long long>(bench.first_input));
    std::printf("\"frame_ends\": %s, \"aborted_beats\": %s, \"aborted_traces\": %s, \"latencies\": %s, \"problems\": %s}\n", ends.c_str(), sinks.c_str(),
                probes.c_str(), list(bench.latencies, number).c_str(), lines.c_str());
}

int perform(const Options& options) {
    Bench bench(options.seed);
    bench.traced = options.traced;
    uint64_t stream = options.seed * 64;
    for (const Port& port : device::inputs)
        bench.sources.emplace_back(options.folder + "/" + port.prefix + ".in", port.bytes, port.beats, ++stream);
    stream = options.seed * 64 + 32;
    for (const Port& port : device::outputs) bench.sinks.emplace_back(port.prefix, port.bytes, port.beats, ++stream);
    for (const Port& port : device::traces) bench.probes.emplace_back(port.prefix, port.bytes);
    device::threshold(static_cast<uint64_t>(options.threshold));
    bench.reset();
    bench.wrong_tlasts(options.idle, options.wrong_tlasts);
    for (uint64_t k = 0; k < options.resets; k++) bench.abort(k % 4, options.window);
    size_t frames = options.frames;
    if (options.holds) frames = std::max(frames, bench.hold(options.quiet));
    bench.pace(options.stalls);
    const bool finished = bench.run(frames, options.idle);
    if (!finished) report("deadlock: no transfer for ", std::to_string(options.idle) + " cycles");
    const uint64_t end = bench.cycle;
    for (int k = 0; finished && k < 256; k++) bench.step(frames);
    bench.cycle = end;
    for (const Sink& sink : bench.sinks) save_both(options.folder + "/" + sink.name, sink.data, sink.aborted);
    for (const Probe& probe : bench.probes) save_both(options.folder + "/" + probe.name, probe.data, probe.aborted);
    print_report(bench, finished, frames);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 13) {
        std::fprintf(stderr, "usage: harness FOLDER FRAMES SEED THRESHOLD IDLE STALLS RESETS WINDOW HOLDS QUIET WRONG_TLASTS TRACED\n");
        return 3;
    }
    auto number = [&](int k) { return std::strtoull(argv[k], nullptr, 10); };
    return perform({argv[1], number(2), number(3), std::strtoll(argv[4], nullptr, 10), number(5), number(6) != 0, number(7),
                    number(8), number(9) != 0, number(10), number(11), number(12) != 0});
}
