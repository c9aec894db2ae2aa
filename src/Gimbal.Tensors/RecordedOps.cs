using Gimbal.Native;

namespace Gimbal.Tensors;

/// <summary>
/// Ops recorded on a device by <see cref="Device.Record"/>, launched together as often as wanted. They work on the tensors that
/// they were recorded with: what changes from launch to launch is copied there before.
/// </summary>
public sealed class RecordedOps : IDisposable
{
    private readonly ContextHandle context;
    private readonly GraphHandle graph;

    internal RecordedOps(ContextHandle context, GraphHandle graph) => (this.context, this.graph) = (context, graph);

    /// <summary>Queues all of the ops.</summary>
    /// <exception cref="DeviceException">The device refused.</exception>
    public void Launch() => NativeMethods.gb_graph_launch(context, graph).Check();

    /// <summary>Forgets the ops.</summary>
    public void Dispose() => graph.Dispose();
}
