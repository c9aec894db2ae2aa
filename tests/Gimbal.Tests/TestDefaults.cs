using System.Runtime.CompilerServices;

namespace Gimbal.Tests;

/// <summary>
/// One thread per device unless a test or <c>GIMBAL_THREADS</c> says otherwise: the collections of the suite already keep
/// every processor busy.
/// </summary>
internal static class TestDefaults
{
#pragma warning disable CA2255 // The variable must stand before any test opens a device.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialize()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("GIMBAL_THREADS")))
        {
            Environment.SetEnvironmentVariable("GIMBAL_THREADS", "1");
        }
    }
}

/// <summary>Tests whose subject is several threads: they run alone, after the others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ThreadsCollection
{
    public const string Name = "threads";
}
