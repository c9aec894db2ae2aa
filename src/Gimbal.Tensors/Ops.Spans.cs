using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>Ops over the caller's own arrays, on the CPU, with nothing to open first.</summary>
public static unsafe partial class Ops
{
    private static readonly Lazy<Device> Host = new(() => Device.Open("cpu"));

    /// <summary>
    /// Generalised advantage estimation (Schulman et al. 2016) over arrays of the caller's, all (rows, steps) row-major:
    /// delta_t = r_t + gamma v_next - v_t, A_t = delta_t + gamma lambda A_{t+1}, returns = A + v. Flags are those produced by
    /// step t: terminated, v_next = 0; truncated, v_next = truncatedValues_t; both stop the recursion. A step whose mask is
    /// false is stepped over and gets 0.
    /// </summary>
    /// <param name="rewards">rows x steps.</param>
    /// <param name="values">rows x steps.</param>
    /// <param name="lastValues">Value after the last step, one a row; or empty: 0.</param>
    /// <param name="terminated">rows x steps, or empty: none.</param>
    /// <param name="truncated">rows x steps, or empty: none.</param>
    /// <param name="truncatedValues">rows x steps, needed with <paramref name="truncated"/>.</param>
    /// <param name="mask">rows x steps, or empty: all.</param>
    /// <param name="advantages">rows x steps.</param>
    /// <param name="returns">rows x steps.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="steps">Steps of a row.</param>
    /// <param name="gamma">Discount.</param>
    /// <param name="lambda">Decay.</param>
    /// <exception cref="ArgumentException">An array has another length than its shape asks for.</exception>
    public static void Gae(ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> lastValues,
        ReadOnlySpan<bool> terminated, ReadOnlySpan<bool> truncated, ReadOnlySpan<float> truncatedValues,
        ReadOnlySpan<bool> mask, Span<float> advantages, Span<float> returns, int rows, int steps, float gamma, float lambda)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        long count = (long)rows * steps;
        WantLength(rewards.Length, count);
        WantLength(values.Length, count);
        WantLength(lastValues.Length, rows, optional: true);
        WantLength(terminated.Length, count, optional: true);
        WantLength(truncated.Length, count, optional: true);
        WantLength(truncatedValues.Length, count, optional: truncated.IsEmpty);
        WantLength(mask.Length, count, optional: true);
        WantLength(advantages.Length, count);
        WantLength(returns.Length, count);
        fixed (float* r = rewards, v = values, last = lastValues, t = truncatedValues, a = advantages, y = returns)
        fixed (byte* ended = MemoryMarshal.AsBytes(terminated), cut = MemoryMarshal.AsBytes(truncated),
            kept = MemoryMarshal.AsBytes(mask))
        {
            Device host = Host.Value;
            lock (host)
            {
                NativeMethods.gb_gae(host.Context, r, v, last, ended, cut, t, kept, a, y, rows, steps, gamma, lambda).Check();
            }
        }
    }

    private static void WantLength(int length, long wanted, bool optional = false,
        [CallerArgumentExpression(nameof(length))] string name = "")
    {
        if (length != wanted && !(optional && length == 0))
        {
            string parameter = name[..name.IndexOf('.', StringComparison.Ordinal)];
            throw new ArgumentException($"{parameter}: wanted {wanted} elements, got {length}", parameter);
        }
    }
}
