// Memory of the calling thread for packed panels and tiles: kept between calls, so that an op allocates nothing once
// warm.
#pragma once

#include <cstdint>

namespace gimbal {

// What the memory holds. A slot's contents are lost at the thread's next request for the same slot.
enum class Scratch { left_panels, right_panels, totals, tile, rows };

// Room for `count` floats, 64-byte aligned, on huge pages where large. Contents undefined. Null if there is no room:
// tasks of a team must not throw.
float* scratch(Scratch slot, int64_t count);

} // namespace gimbal
