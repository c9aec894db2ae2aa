using System.ComponentModel;
using System.Diagnostics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using Gimbal.Native;

namespace Gimbal.Tests.Structure;

/// <summary>The bindings say exactly what gimbal.h says, and the library exports that and nothing else.</summary>
public sealed class BindingTests
{
    private static readonly MethodInfo[] Imports = [.. typeof(NativeMethods)
        .GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        .Where(m => m.Name.StartsWith("gb_", StringComparison.Ordinal))];

    private static string LibraryPath => Environment.GetEnvironmentVariable("GIMBAL_NATIVE_PATH") is { Length: > 0 } named
        ? named
        : Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "gimbal_native.dll"
            : OperatingSystem.IsMacOS() ? "libgimbal_native.dylib" : "libgimbal_native.so");

    [Fact]
    public void EveryImportHasItsExport()
    {
        nint library = NativeLibrary.Load(LibraryPath);
        Assert.NotEmpty(Imports);
        Findings.AssertNone(Imports.Select(m => m.Name).Where(name => !NativeLibrary.TryGetExport(library, name, out _)));
    }

    [Fact]
    public void EveryImportHasTheParametersOfTheHeader()
    {
        Dictionary<string, CFunction> functions = CHeader.Load().Functions.ToDictionary(f => f.Name);
        List<string> wrong = [];
        foreach (MethodInfo import in Imports)
        {
            if (!functions.TryGetValue(import.Name, out CFunction? function))
            {
                wrong.Add($"{import.Name} is not in gimbal.h");
                continue;
            }

            string wanted = string.Join(", ", function.Parameters.Select(p => p.IsPointer ? "pointer" : Kind(p.Type)));
            string got = string.Join(", ", import.GetParameters().Select(p => Kind(p.ParameterType)));
            if (wanted != got || Kind(function.Result) != Kind(import.ReturnType))
                wrong.Add($"{import.Name}: gimbal.h has ({wanted}), the import ({got})");
        }

        Findings.AssertNone(wrong);
    }

    [Fact]
    public void EveryStructHasTheLayoutOfTheHeader()
    {
        CHeader header = CHeader.Load();
        List<string> wrong = [];
        int compared = 0;
        foreach ((string name, IReadOnlyList<CVariable> fields) in header.Structs)
        {
            string cSharp = OpList.Pascal(name["gb_".Length..]);
            if (typeof(NativeMethods).Assembly.GetType($"Gimbal.Native.{cSharp}") is not { } type)
                continue; // The op that needs it is not bound yet; its import could not be written without it.
            compared++;
            List<(string, int)> wanted = [];
            int offset = 0, alignment = 1;
            foreach (CVariable field in fields)
            {
                int size = field.ElementSize;
                alignment = Math.Max(alignment, size);
                offset = (offset + size - 1) / size * size;
                wanted.Add((OpList.Pascal(field.Name), offset));
                offset += size * Math.Max(1, field.Length);
            }

            wanted.Add(("sizeof", (offset + alignment - 1) / alignment * alignment));
            List<(string, int)> got = [.. type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                .Select(field => (OpList.Pascal(field.Name), OffsetOf(type, field))).OrderBy(f => f.Item2), ("sizeof", SizeOf(type))];
            if (!wanted.Select(Lower).SequenceEqual(got.Select(Lower)))
                wrong.Add($"{cSharp}: gimbal.h has {string.Join(" ", wanted)}, C# {string.Join(" ", got)}");
        }

        Findings.AssertNone(wrong);
        Assert.True(compared >= 3, $"only {compared} structs were found: has the header's form changed?");
    }

    [Fact]
    public void TheLibraryExportsTheHeaderAndNothingElse()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads the symbol table of an ELF file");
        string[] exported = [.. Symbols(LibraryPath).Select(line => line.Split(' ')[^1]).Order(StringComparer.Ordinal)];
        HashSet<string> ops = [.. OpList.Read().SelectMany(op => new[] { $"gb_{op.Name}", $"gb_{op.Name}_backward" })];
        HashSet<string> declared = [.. CHeader.Load().Functions.Select(f => f.Name)];
        Findings.AssertNone(exported.Where(name => !declared.Contains(name)));
        Assert.Contains(exported, ops.Contains);
    }

    // DType and dtype are one name.
    private static (string, int) Lower((string Name, int Offset) field) => (field.Name.ToUpperInvariant(), field.Offset);

    private static string[] Symbols(string library)
    {
        ProcessStartInfo start = new("nm", ["-D", "--defined-only", library]) { RedirectStandardOutput = true };
        start.Environment.Remove("LD_PRELOAD"); // A sanitizer in the test program is no business of nm's.
        try
        {
            using Process nm = Process.Start(start)!;
            string text = nm.StandardOutput.ReadToEnd();
            nm.WaitForExit();
            Assert.Equal(0, nm.ExitCode);
            return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Win32Exception)
        {
            Assert.Skip("nm is not installed");
            return [];
        }
    }

    private static string Kind(string cType) => cType.EndsWith('*') ? "pointer" : cType switch
    {
        "int32_t" or "gb_status" or "gb_dtype" or "gb_device_kind" or "gb_copy_kind" => "int32",
        "int64_t" => "int64",
        "uint64_t" => "uint64",
        _ => cType,
    };

    private static string Kind(Type type) =>
        type.IsPointer || type.IsByRef || type == typeof(nint) || typeof(SafeHandle).IsAssignableFrom(type) ? "pointer"
        : type.IsEnum ? Kind(type.GetEnumUnderlyingType())
        : type == typeof(int) ? "int32"
        : type == typeof(long) ? "int64"
        : type == typeof(ulong) ? "uint64"
        : type == typeof(float) ? "float"
        : type == typeof(void) ? "void"
        : type.Name;

    private static int OffsetOf(Type type, FieldInfo field)
    {
        DynamicMethod method = new("offset", typeof(int), [type.MakeByRefType()], typeof(BindingTests).Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldflda, field);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ret);
        return (int)method.Invoke(null, [Activator.CreateInstance(type)])!;
    }

    private static int SizeOf(Type type)
    {
        DynamicMethod method = new("size", typeof(int), [], typeof(BindingTests).Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        il.Emit(OpCodes.Sizeof, type);
        il.Emit(OpCodes.Ret);
        return (int)method.Invoke(null, [])!;
    }
}
