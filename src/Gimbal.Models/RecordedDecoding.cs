using Gimbal.Tensors;

namespace Gimbal.Models;

/// <summary>What makes two decode passes the same ops on the same memory: equal numbers of rows and pages, equal sampling.</summary>
internal sealed record DecodeShape(int Rows, int PagesPerRow, SamplingOptions Sampling);

/// <summary>
/// Decode passes as one launch each, where the device can record: a pass of a shape runs op by op the first time, is recorded the
/// second time and launched from then on. The memory that its inputs lie in must be the same every time.
/// </summary>
internal sealed class RecordedDecoding(Device device) : IDisposable
{
    private readonly Dictionary<DecodeShape, RepeatedOps> passes = [];

    /// <summary>Runs a pass.</summary>
    /// <param name="shape">Null: not a decode pass, or none that comes again.</param>
    /// <param name="pass">Calls the ops.</param>
    public void Run(DecodeShape? shape, Action pass)
    {
        if (shape is null || !device.CanRecord)
        {
            pass();
            return;
        }

        if (!passes.TryGetValue(shape, out RepeatedOps? ops))
        {
            passes.Add(shape, ops = new RepeatedOps(device));
        }

        ops.Run(pass);
    }

    /// <summary>The memory is about to move.</summary>
    public void Forget()
    {
        foreach (RepeatedOps ops in passes.Values)
        {
            ops.Dispose();
        }

        passes.Clear();
    }

    public void Dispose() => Forget();
}
