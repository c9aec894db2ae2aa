// How ops over (rows, width) are cut into tasks: by rows where rows are independent, by columns where they are summed,
// so that no sum is split and its bits do not depend on the number of threads.
#pragma once

#include "cpu/storage.h"
#include "cpu/team.h"

namespace gimbal::GB_ISA {

// Columns of one task of a sum over rows: a few cache lines of every row.
constexpr int64_t kColumnSlice = 4 * kLanes;

// Calls body(r) for every row, a task holding about kElementGrain elements.
template <class Body> void for_rows(int threads, int64_t rows, int64_t width, Body&& body) {
    const int64_t fitting = kElementGrain / (width > 0 ? width : 1);
    Team::ranges(threads, rows, fitting > 1 ? fitting : 1, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
            body(r);
    });
}

// y_j = term(...term(term(y_j, 0, j), 1, j)..., rows - 1, j): rows ascending, onto what y holds, so that calls for one
// piece of the rows after the other have the bits of one call. term(F16 sum, row, column, lanes) gives the next sum.
template <class Term> void sum_over_rows(int threads, float* y, int64_t rows, int64_t width, Term&& term) {
    Team::ranges(threads, width, kColumnSlice, [&](int64_t begin, int64_t end) {
        if (end - begin == kColumnSlice) {
            F16 sum[4];
            for (int k = 0; k < 4; ++k)
                sum[k] = load(y + begin + k * kLanes);
            for (int64_t r = 0; r < rows; ++r)
                for (int k = 0; k < 4; ++k)
                    sum[k] = term(sum[k], r, begin + k * kLanes, Full{});
            for (int k = 0; k < 4; ++k)
                store(y + begin + k * kLanes, sum[k]);
            return;
        }
        for_lanes(begin, end, [&](int64_t j, auto n) {
            F16 sum = load(y + j, n);
            for (int64_t r = 0; r < rows; ++r)
                sum = term(sum, r, j, n);
            store(y + j, sum, n);
        });
    });
}

// A gradient of an activation: written, or added to what is there.
template <class T, class Lanes> GB_INLINE void store_gradient(T* dx, F16 value, bool accumulate, Lanes n) {
    store(dx, accumulate ? load(dx, n) + value : value, n);
}

} // namespace gimbal::GB_ISA
