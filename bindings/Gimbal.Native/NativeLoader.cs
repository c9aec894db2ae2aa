using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>Finds the engine: <c>GIMBAL_NATIVE_PATH</c> if it is set (a sanitizer build, say), else beside the assembly.</summary>
internal static class NativeLoader
{
    /// <summary>The version of gimbal.h that these bindings were written against.</summary>
    internal const int AbiVersion = 1;

    /// <summary>Environment variable that names another build of the engine.</summary>
    internal const string PathVariable = "GIMBAL_NATIVE_PATH";

    // The bindings are useless before this ran, and a static constructor would cost every call a check.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialize() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != NativeMethods.Library)
        {
            return 0;
        }

        string? named = Environment.GetEnvironmentVariable(PathVariable);
        nint library;
        try
        {
            library = string.IsNullOrEmpty(named)
                ? NativeLibrary.Load(name, assembly, search)
                : NativeLibrary.Load(named);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            throw new DllNotFoundException(
                $"The Gimbal engine ({(string.IsNullOrEmpty(named) ? "gimbal_native" : named)}) could not be loaded: " +
                $"it is missing beside the program, built for another system, or lacks a library of its own. " +
                $"Build it with 'dotnet build', or name it in {PathVariable}. {error.Message}", error);
        }

        CheckVersion(library);
        return library;
    }

    private static unsafe void CheckVersion(nint library)
    {
        int found = NativeLibrary.TryGetExport(library, nameof(NativeMethods.gb_abi_version), out nint export)
            ? ((delegate* unmanaged<int>)export)()
            : 0;
        if (found != AbiVersion)
        {
            throw new DllNotFoundException(
                $"The Gimbal engine speaks version {found} of the C ABI, these bindings version {AbiVersion}: " +
                $"they come from different builds. Build both again, or unset {PathVariable}.");
        }
    }
}
