using System.Runtime.InteropServices;

namespace Gimbal.Native;

/// <summary>The imports, one for each function of gimbal.h, under its C name. Nothing else lives here.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "gimbal_native";

    [LibraryImport(Library)]
    internal static partial int gb_abi_version();

    [LibraryImport(Library)]
    internal static partial byte* gb_last_error();

    [LibraryImport(Library)]
    internal static partial byte* gb_op_names();

    [LibraryImport(Library)]
    internal static partial int gb_context_create(in ContextOptions options, out ContextHandle context);

    [LibraryImport(Library)]
    internal static partial void gb_context_destroy(nint context);

    [LibraryImport(Library)]
    internal static partial int gb_context_info(ContextHandle context, ref DeviceInfo info);

    [LibraryImport(Library)]
    internal static partial int gb_context_synchronize(ContextHandle context);

    [LibraryImport(Library)]
    internal static partial int gb_context_set_workspace(ContextHandle context, void* memory, long bytes);

    [LibraryImport(Library)]
    internal static partial int gb_context_workspace_required(ContextHandle context, out long bytes);

    [LibraryImport(Library)]
    internal static partial int gb_memory_allocate(ContextHandle context, long bytes, out void* memory);

    [LibraryImport(Library)]
    internal static partial int gb_memory_free(ContextHandle context, void* memory);

    [LibraryImport(Library)]
    internal static partial int gb_memory_copy(ContextHandle context, void* source, void* destination, long bytes, int kind);

    [LibraryImport(Library)]
    internal static partial int gb_memory_fill(ContextHandle context, void* destination, int value, long bytes);

    [LibraryImport(Library)]
    internal static partial int gb_skeleton(ContextHandle context, float* x, float* y, long count, float factor);

    [LibraryImport(Library)]
    internal static partial int gb_skeleton_backward(ContextHandle context, float* dy, float* dx, long count, float factor);
}
