// The workspace of attention: in decoding the states of each row's splits (kernels/attention.h), in the backward a number
// for each row. Pure functions of the shape, which shell and launcher share.
#pragma once

#include "gimbal.h"

#include "attention.h"

namespace gimbal {

struct AttentionWorkspace {
    int64_t rows, splits;

    explicit AttentionWorkspace(const gb_attention_shape& shape)
        : rows(shape.tokens * shape.q_heads), splits((shape.max_length + kAttentionSplit - 1) / kAttentionSplit) {}

    // Few queries to a sequence, many keys: a block for each split fills the device.
    static bool is_split(const gb_attention_shape& shape) {
        return is_few(shape) && shape.max_length > kAttentionSplit;
    }
    static bool is_few(const gb_attention_shape& shape) {
        return shape.tokens * (shape.q_heads / shape.kv_heads) <= kAttentionFewRows * shape.sequences;
    }

    int64_t bytes(const gb_attention_shape& shape) const {
        if (!is_split(shape)) return 0;
        return rows * splits * (shape.head_dim + 2) * static_cast<int64_t>(sizeof(float));
    }
    int64_t backward_bytes() const { return rows * static_cast<int64_t>(sizeof(float)); }
};

} // namespace gimbal
