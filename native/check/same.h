// What the comparisons of our own declarations with a toolkit's headers have in common.
#pragma once

#define GB_SAME(ours, theirs) static_assert(static_cast<long long>(ours) == static_cast<long long>(theirs), #ours)

namespace gimbal {

// Parameters of the same number and sizes: enough for calls that go through the binary interface.
template <class> struct Parameters;
template <class Result, class... Args> struct Parameters<Result (*)(Args...)> {
    template <class Other> struct Match;
    template <class OtherResult, class... Others> struct Match<OtherResult (*)(Others...)> {
        static constexpr bool value = [] {
            if constexpr (sizeof...(Others) == sizeof...(Args))
                return sizeof(Result) == sizeof(OtherResult) && ((sizeof(Args) == sizeof(Others)) && ...);
            else
                return false;
        }();
    };
};

} // namespace gimbal
