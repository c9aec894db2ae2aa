using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>Owns a <c>gb_context</c>.</summary>
internal sealed class ContextHandle : SafeHandle
{
    public ContextHandle() : base(0, ownsHandle: true) { }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.gb_context_destroy(handle);
        return true;
    }
}
