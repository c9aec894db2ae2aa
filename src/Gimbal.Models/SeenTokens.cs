using System.Runtime.InteropServices;
using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>What the rows of a forward pass have read and said, whose logits a repetition penalty lowers.</summary>
internal sealed class SeenTokens
{
    private readonly List<int> ids = [], starts = [];

    /// <summary>Bytes of scratch memory.</summary>
    /// <param name="rows">Rows of a pass.</param>
    /// <param name="longest">Tokens of the longest.</param>
    /// <param name="vocabulary">Token ids.</param>
    public static long Bytes(int rows, int longest, int vocabulary) => rows * (vocabulary + longest + 32L) * sizeof(float);

    /// <summary>The logits with the penalty, in memory of their own.</summary>
    /// <param name="arena">Holds them.</param>
    /// <param name="logits">(rows, vocabulary).</param>
    /// <param name="rows">Prompt and completion of each row.</param>
    /// <param name="penalty">Of <see cref="Ops.RepetitionPenalty"/>.</param>
    public Tensor Penalize(Arena arena, in Tensor logits, IEnumerable<List<int>> rows, float penalty)
    {
        ids.Clear();
        starts.Clear();
        starts.Add(0);
        foreach (List<int> tokens in rows)
        {
            ids.AddRange(tokens);
            starts.Add(ids.Count);
        }

        Tensor y = arena.Allocate(DType.Float32, logits.Shape, "repetition_penalty");
        Ops.RepetitionPenalty(logits, Upload(arena, ids), Upload(arena, starts), y, penalty);
        return y;
    }

    private static Tensor Upload(Arena arena, List<int> values)
    {
        Tensor tensor = arena.Allocate(DType.Int32, new Shape(values.Count), "repetition_penalty");
        tensor.CopyFrom<int>(CollectionsMarshal.AsSpan(values));
        return tensor;
    }
}
