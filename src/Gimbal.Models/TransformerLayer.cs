using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>The weights of one block. Projections that read the same input are one matrix: q | k | v, and gate | up.</summary>
internal sealed record TransformerLayer(
    Parameter AttentionNorm, Parameter? AttentionNormBias,
    Parameter Qkv, Parameter? QkvBias,
    Parameter AttentionOutput, Parameter? AttentionOutputBias,
    Parameter FeedForwardNorm, Parameter? FeedForwardNormBias,
    Parameter Up, Parameter? UpBias,
    Parameter Down, Parameter? DownBias);
