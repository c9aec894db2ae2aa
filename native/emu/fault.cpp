// From addresses to lines of source; see fault.h. The work is done only when a fault is reported.
#include "fault.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include <dlfcn.h>

namespace emu {

namespace {

// "/.../kernels/gae.cu:57 (discriminator 2)" as it stands in the repository: "kernels/gae.cu:57". The folders before
// are not always those of this build: a compiler cache may have found the object in another one.
std::string shorten(std::string_view text) {
    const std::string path = std::filesystem::path(text.substr(0, text.find(' '))).lexically_normal().string();
    for (const char* const room : {"/kernels/", "/native/"})
        if (const std::size_t at = path.rfind(room); at != std::string::npos) return path.substr(at + 1);
    return path;
}

struct Frame {
    std::string function, where;
};

// Innermost first; empty where there is no addr2line or no debug information.
std::vector<Frame> frames_at(uintptr_t pc) {
    Dl_info library{};
    if (dladdr(&__ehdr_start, &library) == 0) return {};
    char command[4352];
    std::snprintf(command, sizeof command, "addr2line -C -f -i -e '%s' 0x%x 2>/dev/null", library.dli_fname,
                  relative(pc - 1));
    std::FILE* const output = popen(command, "r");
    if (output == nullptr) return {};
    std::vector<Frame> frames;
    char function[1024], where[1024];
    while (std::fgets(function, sizeof function, output) != nullptr &&
           std::fgets(where, sizeof where, output) != nullptr) {
        function[std::strcspn(function, "\n(")] = 0; // without parameters
        where[std::strcspn(where, "\n")] = 0;
        if (where[0] != '?') frames.push_back({function, shorten(where)});
    }
    pclose(output);
    return frames;
}

bool is_layer(const Frame& frame) {
    return frame.where.find("kernels/simt/") == 0;
}

} // namespace

std::string describe(const Place& place) {
    std::string text;
    if (place.pc != 0 && in_library(place.pc)) {
        const std::vector<Frame> frames = frames_at(place.pc);
        std::size_t i = 0;
        while (i + 1 < frames.size() && is_layer(frames[i]))
            ++i; // the caller's line, not the layer's
        for (bool first = true; i < frames.size(); ++i, first = false)
            text += (first ? "" : ", inlined at ") + frames[i].where + " (" + frames[i].function + ")";
    }
    if (text.empty() && place.file != nullptr) text = shorten(place.file) + ":" + std::to_string(place.line);
    return text.empty() ? "an unknown line" : text;
}

} // namespace emu
