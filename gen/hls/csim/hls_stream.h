// hls::stream for the C simulation: a first-in, first-out buffer that grows, and the same warnings as in the model that
// hls4ml brings, which is a std::deque. There, each type of element costs the compiler a deque, and a third to a half
// of the time that a project with streams takes. For HlsModel alone, which is told what was in disorder: a project
// keeps hls4ml's file, and Vitis has its own.
#ifndef X_HLS_STREAM_SIM_H
#define X_HLS_STREAM_SIM_H

#include <cstddef>
#include <iostream>
#include <string>

namespace hls {

// How often a stream was in disorder since that was last asked, and what the first was.
struct disorder {
    std::size_t count;
    std::string first;

    disorder() : count(0) {}
    static disorder &all() {
        static disorder found;
        return found;
    }
};

class stream_state {
  protected:
    std::string _name;
    std::size_t _first, _end, _room; // what is held lies from _first up to _end; _room elements are allocated

    explicit stream_state(const std::string &name) : _name(name), _first(0), _end(0), _room(0) {}
    ~stream_state() {
        if (_first != _end) {
            _warn("' contains leftover data,");
        }
    }
    void _warn(const char *what) const {
        disorder &all = disorder::all();
        if (all.count++ == 0) {
            all.first = "'" + _name + what;
        }
        std::cout << "WARNING: Hls::stream '" << _name << what << " which may result in RTL simulation hanging."
                  << std::endl;
    }

  public:
    bool empty() const { return _first == _end; }
    bool full() const { return false; }
    std::size_t size() const { return _end - _first; }
};

template <typename T>
class stream : public stream_state {
    T *_data;

    stream(const stream &);
    stream &operator=(const stream &);

  public:
    explicit stream(const std::string &name = "hls_stream") : stream_state(name), _data(0) {}
    ~stream() { delete[] _data; }

    T read() {
        if (_first == _end) {
            _warn("' is read while empty,");
            return T();
        }
        return _data[_first++];
    }
    void read(T &head) { head = read(); }
    void operator>>(T &head) { head = read(); }
    bool read_nb(T &head) {
        const bool there = !empty();
        head = there ? read() : T();
        return there;
    }

    void write(const T &tail) {
        if (_end == _room) {
            _make_room();
        }
        _data[_end++] = tail;
    }
    void operator<<(const T &tail) { write(tail); }
    bool write_nb(const T &tail) {
        write(tail);
        return true;
    }

  private:
    // Twice what is held, so that moving it costs each element a constant number of copies.
    void _make_room() {
        const std::size_t held = size(), room = 2 * held + 16;
        T *data = new T[room];
        for (std::size_t i = 0; i < held; i++) {
            data[i] = _data[_first + i];
        }
        delete[] _data;
        _data = data, _first = 0, _end = held, _room = room;
    }
};

} // namespace hls

// How often, and the first so many characters of what; then none is known any more.
extern "C" __attribute__((used)) inline std::size_t bitsmith_disorder(char *first, std::size_t room) {
    hls::disorder &all = hls::disorder::all();
    first[all.first.copy(first, room - 1)] = '\0';
    const std::size_t count = all.count;
    all = hls::disorder();
    return count;
}

#endif
