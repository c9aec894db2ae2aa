using System.Reflection;
using System.Runtime.InteropServices;
using Gimbal.Cli.Bench;
using Gimbal.Native;
using Gimbal.Tensors;

namespace Gimbal.Tests.Structure;

/// <summary>Every op of ops.def stands in every room under its one name.</summary>
public sealed class OpCoverageTests
{
    private const BindingFlags Static = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Ops whose launchers start another op's kernels.</summary>
    private static readonly string[] SharesKernels = ["matmul_packed"];

    [Fact]
    public void EveryOpStandsInEveryRoom()
    {
        HashSet<string> documented = [.. CHeader.Load().Functions.Where(f => f.HasComment).Select(f => f.Name)];
        HashSet<string> imports = [.. typeof(NativeMethods).GetMethods(Static).Select(m => m.Name)];
        HashSet<string> methods = [.. typeof(Ops).GetMethods(BindingFlags.Static | BindingFlags.Public).Select(m => m.Name)];
        HashSet<string> tests = [.. typeof(OpCoverageTests).Assembly.GetTypes().Select(t => t.Name)];
        List<string> missing = [];
        void Room(string room, string op, bool isThere)
        {
            if (!isThere)
                missing.Add($"{op}: {room}");
        }

        foreach ((string op, bool hasBackward) in OpList.Read())
        {
            string pascal = OpList.Pascal(op);
            Room($"native/src/ops/{op}.cpp", op, File.Exists(Repository.At($"native/src/ops/{op}.cpp")));
            Room($"native/src/cpu/{op}.cpp", op, File.Exists(Repository.At($"native/src/cpu/{op}.cpp")));
            Room($"native/src/cuda/{op}.cpp", op, File.Exists(Repository.At($"native/src/cuda/{op}.cpp")));
            Room($"kernels/{op}.cu", op, SharesKernels.Contains(op) || File.Exists(Repository.At($"kernels/{op}.cu")));
            Room($"test class {pascal}Tests", op, tests.Contains($"{pascal}Tests"));
            foreach ((string c, string cSharp) in hasBackward
                ? [($"gb_{op}", pascal), ($"gb_{op}_backward", $"{pascal}Backward")]
                : new[] { ($"gb_{op}", pascal) })
            {
                Room($"{c} in gimbal.h, with a comment", op, documented.Contains(c));
                Room($"import NativeMethods.{c}", op, imports.Contains(c));
                Room($"method Ops.{cSharp}", op, methods.Contains(cSharp));
                Room($"entry {c["gb_".Length..]} in gimbal bench", op, BenchSuite.Operations.Contains(c["gb_".Length..]));
            }
        }

        Findings.AssertNone(missing);
    }

    [Fact]
    public void TheLibraryHoldsTheOpsOfTheList()
    {
        IEnumerable<string> expected = OpList.Read()
            .SelectMany(op => op.HasBackward ? new[] { op.Name, op.Name + "_backward" } : [op.Name]);
        Assert.Equal(expected.Order(StringComparer.Ordinal), OpNames().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void NoRoomHoldsAFileOfNoOp()
    {
        HashSet<string> ops = [.. OpList.Read().Select(op => op.Name)];
        IEnumerable<string> strangers = Repository.Files("native/src/ops", ".cpp")
            .Where(file => !ops.Contains(Path.GetFileNameWithoutExtension(file)));
        Findings.AssertNone(strangers);
    }

    private static unsafe List<string> OpNames()
    {
        List<string> names = [];
        byte* p = NativeMethods.gb_op_names();
        while (Marshal.PtrToStringUTF8((nint)p) is { Length: > 0 } name)
        {
            names.Add(name);
            p += name.Length + 1;
        }

        return names;
    }
}
