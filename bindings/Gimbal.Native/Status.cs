using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>Status values of the C ABI, and what becomes of a failed one.</summary>
internal static unsafe class Status
{
    public const int Ok = 0;
    public const int InvalidArgument = 1;
    public const int Unsupported = 2;
    public const int OutOfMemory = 3;
    public const int OutOfRange = 4;
    public const int WorkspaceTooSmall = 5;
    public const int DeviceLost = 6;
    public const int Internal = 7;

    /// <summary>Throws unless <paramref name="status"/> is <see cref="Ok"/>.</summary>
    /// <exception cref="DeviceException">The call failed; the message is the engine's own.</exception>
    public static void Check(this int status)
    {
        if (status != Ok)
        {
            Throw(status);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(int status)
    {
        string message = Marshal.PtrToStringUTF8((nint)NativeMethods.gb_last_error()) ?? "";
        int colon = message.IndexOf(':', StringComparison.Ordinal);
        throw colon > 0
            ? new DeviceException(message[..colon], status, message[(colon + 1)..].TrimStart())
            : new DeviceException("gimbal_native", status, message);
    }
}
