// The environment variables of the emulated device; see options.h.
#include "options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace emu {

Options options;

namespace {

void complain(const char* name, const char* value, const char* wanted) {
    std::fprintf(stderr, "cudaemu: %s: wanted %s, got %s; ignored\n", name, wanted, value);
}

template <class T>
void read_word(const char* name, const char* wanted, T& target,
               std::initializer_list<std::pair<std::string_view, T>> words) {
    const char* const value = std::getenv(name);
    if (value == nullptr) return;
    for (const auto& [word, meaning] : words)
        if (word == value) {
            target = meaning;
            return;
        }
    complain(name, value, wanted);
}

template <class T> bool read_number(const char* name, T& target, double low, double high) {
    const char* const value = std::getenv(name);
    if (value == nullptr) return false;
    char* end = nullptr;
    const double number = std::strtod(value, &end);
    if (end == value || *end != 0 || number < low || number > high) {
        complain(name, value, "a number in range");
        return false;
    }
    target = static_cast<T>(number);
    return true;
}

} // namespace

Options options_from_environment() {
    Options o;
    read_word("CUDAEMU_SCHEDULE", "forward, reverse or random", o.schedule,
              {{"forward", Schedule::forward}, {"reverse", Schedule::reverse}, {"random", Schedule::random}});
    read_word("CUDAEMU_ASYNC", "early, late or random", o.async,
              {{"early", AsyncCopies::early}, {"late", AsyncCopies::late}, {"random", AsyncCopies::random}});
    read_word("CUDAEMU_CHECK", "0 or 1", o.check, {{"0", false}, {"1", true}});
    read_word("CUDAEMU_GLOBAL_RACES", "0 or 1", o.global_races, {{"0", false}, {"1", true}});
    read_word("CUDAEMU_STREAMS", "immediate or late", o.late_streams, {{"immediate", false}, {"late", true}});
    read_word("CUDAEMU_ARCH", "80, 86, 89 or 90", o.architecture, {{"80", 80u}, {"86", 86u}, {"89", 89u}, {"90", 90u}});
    read_number("CUDAEMU_SEED", o.seed, 0, 9e15);
    if (!read_number("CUDAEMU_RESIDENT", o.resident, 1, 8) && o.schedule == Schedule::random) o.resident = 4;
    read_number("CUDAEMU_TIMEOUT", o.timeout, 0.1, 86400);
    double gibibytes = 0;
    if (read_number("CUDAEMU_MEMORY_GIB", gibibytes, 0.001, 512))
        o.memory = static_cast<std::size_t>(gibibytes * 1073741824.0);
    return o;
}

} // namespace emu
