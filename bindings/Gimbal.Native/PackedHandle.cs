using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>Owns a <c>gb_packed</c>.</summary>
internal sealed class PackedHandle : SafeHandle
{
    public PackedHandle() : base(0, ownsHandle: true) { }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.gb_packed_destroy(handle);
        return true;
    }
}
