using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Training;

/// <summary>
/// NEFTune's noise on the embeddings of a training forward pass (Jain et al. 2023): each element uniform within
/// +-alpha / sqrt(L d), for a sequence of L tokens of width d.
/// </summary>
/// <remarks>Keyed by seed, step, sequence of the step and element: neither the micro-batch nor a resumption changes it.</remarks>
internal sealed class EmbeddingNoise(float alpha, ulong seed)
{
    private const uint Purpose = 0x4E45_4654;
    private const float HalfStep = 1f / (1 << 24); // of the uniform numbers: their mean becomes 0

    private readonly Column column = new();

    /// <summary>Bytes of the noise of one sequence.</summary>
    public static long Bytes(int length, int width) => (long)length * width * sizeof(float);

    /// <summary>The noise of a batch (tokens, width).</summary>
    /// <param name="arena">Holds it, in its innermost scope.</param>
    /// <param name="batch">The sequences of a micro-batch.</param>
    /// <param name="first">Number of its first sequence within the step.</param>
    /// <param name="step">Training step.</param>
    /// <param name="width">Of the embedding.</param>
    public Tensor Draw(Arena arena, TokenBatch batch, int first, int step, int width)
    {
        column.Clear();
        for (int i = 0; i < batch.Sequences; i++)
        {
            int length = batch.Starts[i + 1] - batch.Starts[i];
            Fill(column.AddRoom(length * width), alpha / MathF.Sqrt((float)length * width), (uint)(first + i), (uint)step);
        }

        return column.Upload(arena).Reshape([batch.Tokens, width]);
    }

    private void Fill(Span<float> values, float bound, uint sequence, uint step)
    {
        Span<uint> words = stackalloc uint[4];
        for (int i = 0; i < values.Length; i += words.Length)
        {
            (words[0], words[1], words[2], words[3]) =
                Philox.Draw((uint)i, sequence, Purpose, step, (uint)seed, (uint)(seed >> 32));
            for (int j = 0; j < words.Length && i + j < values.Length; j++)
            {
                values[i + j] = bound * (2 * Philox.Uniform(words[j]) - 1 + HalfStep);
            }
        }
    }
}
