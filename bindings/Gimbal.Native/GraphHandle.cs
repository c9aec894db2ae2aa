using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>Owns a <c>gb_graph</c>.</summary>
internal sealed class GraphHandle : SafeHandle
{
    public GraphHandle() : base(0, ownsHandle: true) { }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.gb_graph_destroy(handle);
        return true;
    }
}
