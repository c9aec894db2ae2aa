// Mean and variance from sums of differences, in double, written once for every backend.
#pragma once

namespace gimbal::GB_ISA {

// y = ((x - near) - rest) scale + shift. The mean is near + rest, so that deviations keep float32's digits beside a
// large mean.
struct Whitening {
    double mean, variance;
    float near, rest, scale, shift;
};

// `left` and `squares`: sums of (x - pivot) and of its square.
GB_INLINE Whitening finish_whitening(double elements, float pivot, double left, double squares, float epsilon, int ddof,
                                     bool keep_mean) {
    const bool enough = elements > ddof;
    const double offset = elements > 0 ? left / elements : 0;
    const double mean = static_cast<double>(pivot) + offset, deviations = squares - offset * left;
    const double variance = enough ? (deviations < 0 ? 0 : deviations) / (elements - ddof) : 0;
    const double root = ::sqrt(variance + static_cast<double>(epsilon));
    const float near = static_cast<float>(mean);
    return {mean,
            variance,
            near,
            static_cast<float>(mean - static_cast<double>(near)),
            enough && root > 0 ? static_cast<float>(1 / root) : 0.0f,
            keep_mean ? near : 0.0f};
}

// What turns a reward of a group into its advantage: ((r - near) - rest) / divisor, or 0 if all are equal. Without
// branches, so that a backend may take many groups at once.
struct Baseline {
    double elements, near, rest, deviation, divisor;
    bool equal;

    // `left` and `squares`: sums of (r - near) and of its square.
    GB_INLINE void finish(double left, double squares, float epsilon, bool scaled) {
        rest = left / (elements > 0 ? elements : 1);
        const double sum = squares - left * rest;
        const double root = ::sqrt((sum < 0 ? 0 : sum) / (elements > 1 ? elements - 1 : 1));
        deviation = equal ? 0 : root;
        divisor = scaled ? deviation + static_cast<double>(epsilon) : 1;
    }
};

GB_INLINE Baseline begin_baseline(double sum, double elements, float lowest, float highest) {
    // The extremes skip NaN, the sum does not.
    const bool equal = (elements == 0) | ((lowest == highest) & (sum == sum));
    const double mean = sum / (elements > 0 ? elements : 1);
    return {elements, static_cast<double>(static_cast<float>(mean)), 0, 0, 1, equal};
}

} // namespace gimbal::GB_ISA
