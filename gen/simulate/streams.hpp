// Sources, sinks and probes of AXI4-Streams, their paces, and what is found wrong.
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;

struct Random {
    uint64_t state;
    explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15u + 0xD1B54A32D192ED03u) {}
    uint32_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<uint32_t>(state >> 32);
    }
    // 0 to limit - 1.
    uint64_t below(uint64_t limit) { return next() % limit; }
};

// One side's willingness. Under stalls the chance of a pause changes every 64 cycles, from never to nearly always.
struct Pace {
    Random random;
    bool stalls = false, held = false;
    uint32_t age = 0, pause = 0;
    explicit Pace(uint64_t seed) : random(seed) {}
    bool go() {
        static const uint32_t percent[] = {0, 0, 30, 70, 97};
        if (held) return false;
        if (!stalls) return true;
        if (age++ % 64 == 0) pause = percent[random.next() % 5];
        return random.next() % 100 >= pause;
    }
};

std::map<std::string, std::string> problems;

// The first place of each kind.
void report(const std::string& kind, const std::string& where) { problems.emplace(kind, kind + where); }

Bytes slurp(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        std::exit(3);
    }
    return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void save(const std::string& path, const Bytes& data) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
    file.close();
    if (!file) {
        const char* name = path.c_str() + path.rfind('/') + 1;
        std::fprintf(stderr, "cannot write %s: %s; make room there and start again\n", name, std::strerror(errno));
        std::exit(3);
    }
}

void save_both(const std::string& path, const Bytes& whole, const Bytes& aborted) {
    save(path + ".out", whole);
    save(path + ".aborted", aborted);
}

// The frames of a file, over and over. `wrong`: beats whose tlast is the opposite of what it should be.
struct Source {
    Bytes data;
    size_t bytes, beats;
    Pace pace;
    size_t total, sent = 0;
    bool valid = false, noise_last = false;
    Bytes noise;
    std::vector<size_t> wrong;
    Source(const std::string& path, size_t bytes_, size_t beats_, uint64_t seed)
        : data(slurp(path)), bytes(bytes_), beats(beats_), pace(seed), total(data.size() / bytes), noise(bytes) {}
    void offer(size_t limit) {
        if (!valid && sent < limit) valid = pace.go();
        if (valid || !pace.stalls) return;
        for (auto& octet : noise) octet = static_cast<uint8_t>(pace.random.next());
        noise_last = pace.random.next() & 1;
    }
    const uint8_t* beat() const { return valid ? &data[sent % total * bytes] : noise.data(); }
    bool is_wrong() const { return std::find(wrong.begin(), wrong.end(), sent) != wrong.end(); }
    bool last() const { return valid ? ((sent + 1) % beats == 0) != is_wrong() : noise_last; }
    // Those begun: a beat that is offered cannot be taken back.
    size_t frames() const { return (sent + valid + beats - 1) / beats; }
    void restart() { sent = 0, valid = false, wrong.clear(); }
};

// `any_last`: tlast is not checked, for a wrong one went in.
struct Sink {
    std::string name;
    size_t bytes, beats, total = SIZE_MAX;
    Pace pace;
    Bytes data, now, before, aborted;
    std::vector<size_t> aborted_beats;
    size_t taken = 0;
    bool ready = false, waiting = false, last_before = false, any_last = false;
    std::vector<uint64_t> frame_ends;
    Sink(const char* name_, size_t bytes_, size_t beats_, uint64_t seed)
        : name(name_), bytes(bytes_), beats(beats_), pace(seed), now(bytes_), before(bytes_) {}
    bool done() const { return taken >= total; }
    std::string where(uint64_t cycle) const {
        return name + " at cycle " + std::to_string(cycle) + ", frame " + std::to_string(taken / beats) + ", beat " +
               std::to_string(taken % beats);
    }
    bool observe(bool valid, bool last, uint64_t cycle) {
        if (waiting && !valid) report("tvalid fell before tready on ", where(cycle));
        if (waiting && valid && (now != before || last != last_before)) report("tdata changed while waiting on ", where(cycle));
        if (valid && !any_last && last != ((taken + 1) % beats == 0)) report(last ? "early tlast on " : "missing tlast on ", where(cycle));
        waiting = valid && !ready;
        before = now, last_before = last;
        if (!valid || !ready) return false;
        if (done()) {  // not progress: one without an end would hide that another output waits for ever
            report("surplus beat on ", where(cycle));
            return false;
        }
        data.insert(data.end(), now.begin(), now.end());
        if (++taken % beats == 0) frame_ends.push_back(cycle);
        return true;
    }
    // What came before a reset is kept apart.
    void keep_aborted() {
        aborted.insert(aborted.end(), data.begin(), data.end());
        aborted_beats.push_back(taken);
    }
    void restart() { data.clear(), frame_ends.clear(), taken = 0, waiting = any_last = false; }
};

struct Probe {
    std::string name;
    size_t bytes;
    Bytes data, now, aborted;
    std::vector<size_t> aborted_beats;
    Probe(const char* name_, size_t bytes_) : name(name_), bytes(bytes_), now(bytes_) {}
    void observe() { data.insert(data.end(), now.begin(), now.end()); }
    void keep_aborted() {
        aborted.insert(aborted.end(), data.begin(), data.end());
        aborted_beats.push_back(data.size() / bytes);
    }
    void restart() { data.clear(); }
};

// A list as JSON.
template <class T, class Show>
std::string list(const T& items, Show show) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + show(item);
    return "[" + text + "]";
}

}  // namespace
