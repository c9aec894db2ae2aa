namespace Gimbal.Tensors;

/// <summary>
/// Ops that are called again and again on the same memory: one by one the first time, which sees to their scratch memory, recorded
/// the second time where the device can record, and launched together from then on.
/// </summary>
/// <param name="device">Where they run.</param>
public sealed class RepeatedOps(Device device) : IDisposable
{
    private bool hasRun;
    private RecordedOps? recorded;

    /// <summary>True once the ops are launched together.</summary>
    public bool IsRecorded => recorded is not null;

    /// <summary>Runs the ops.</summary>
    /// <param name="ops">Calls them; the same ones on the same memory every time, as <see cref="Device.Record"/> wants them.</param>
    /// <exception cref="DeviceException">The device refused.</exception>
    public void Run(Action ops)
    {
        ArgumentNullException.ThrowIfNull(ops);
        if (!device.CanRecord || !hasRun)
        {
            ops();
            hasRun = true;
            return;
        }

        recorded ??= device.Record(ops);
        recorded.Launch();
    }

    /// <summary>Forgets what was recorded.</summary>
    public void Dispose() => recorded?.Dispose();
}
