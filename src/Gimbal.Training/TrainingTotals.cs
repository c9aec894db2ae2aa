using System.Numerics;

namespace Gimbal.Training;

/// <summary>What a run has done so far. Part of its checkpoints.</summary>
internal sealed class TrainingTotals
{
    /// <summary>Tokens that went through a training forward pass, prompts included.</summary>
    public long TrainedTokens { get; set; }

    /// <summary>Tokens drawn from the policy.</summary>
    public long GeneratedTokens { get; set; }

    /// <summary>Completions or pairs looked at.</summary>
    public long Samples { get; set; }

    /// <summary>Bits in which the sampler's and the trainer's log-probabilities differed.</summary>
    public long MismatchBits { get; set; }

    /// <summary>Tokens so compared.</summary>
    public long ComparedTokens { get; set; }

    /// <summary>Counts the bits in which a trainer's log-probabilities differ from those that the sampler recorded.</summary>
    public void Compare(ReadOnlySpan<float> computed, ReadOnlySpan<float> recorded)
    {
        for (int i = 0; i < computed.Length; i++)
        {
            MismatchBits += BitOperations.PopCount(BitConverter.SingleToUInt32Bits(computed[i]) ^ BitConverter.SingleToUInt32Bits(recorded[i]));
        }

        ComparedTokens += computed.Length;
    }

    public long[] ToArray() => [TrainedTokens, GeneratedTokens, Samples, MismatchBits, ComparedTokens];

    public void Restore(ReadOnlySpan<long> values) =>
        (TrainedTokens, GeneratedTokens, Samples, MismatchBits, ComparedTokens) = (values[0], values[1], values[2], values[3], values[4]);
}
