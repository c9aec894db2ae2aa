using System.Globalization;
using System.Text.RegularExpressions;

namespace Gimbal.Tests.Structure;

/// <summary>A parameter or a field: its C type without <c>const</c>, its name, and its length if it is an array.</summary>
internal sealed record CVariable(string Type, string Name, int Length = 0)
{
    public bool IsPointer => Type.EndsWith('*');

    /// <summary>Size of one element in bytes under the 64-bit C ABI; alignment is the same.</summary>
    public int ElementSize => IsPointer ? 8 : Type switch
    {
        "char" or "uint8_t" => 1,
        "int32_t" or "uint32_t" or "float" or "gb_dtype" or "gb_status" or "gb_device_kind" or "gb_copy_kind" => 4,
        "int64_t" or "uint64_t" or "double" => 8,
        _ => throw new NotSupportedException($"gimbal.h uses a type that this parser does not know: {Type} {Name}"),
    };
}

/// <summary>A function of the C ABI.</summary>
internal sealed record CFunction(string Result, string Name, IReadOnlyList<CVariable> Parameters, bool HasComment);

/// <summary>What gimbal.h declares, read by patterns: the header keeps to plain C declarations on purpose.</summary>
internal sealed partial class CHeader
{
    public CHeader(string text)
    {
        Functions = [.. ReadFunctions(text)];
        string code = Comment().Replace(text, " ");
        Structs = Struct().Matches(code).ToDictionary(m => m.Groups["name"].Value,
            m => (IReadOnlyList<CVariable>)[.. m.Groups["body"].Value.Split(';', StringSplitOptions.RemoveEmptyEntries)
                .Select(f => f.Trim()).Where(f => f.Length > 0).Select(Variable)]);
    }

    public IReadOnlyList<CFunction> Functions { get; }

    public IReadOnlyDictionary<string, IReadOnlyList<CVariable>> Structs { get; }

    public static CHeader Load() => new(Repository.Read("native/include/gimbal.h"));

    // A comment serves every declaration of its paragraph: forward and backward are often explained together.
    private static IEnumerable<CFunction> ReadFunctions(string text)
    {
        foreach (string paragraph in text.ReplaceLineEndings("\n").Split("\n\n"))
        {
            bool hasComment = paragraph.Contains("*/", StringComparison.Ordinal);
            foreach (Match match in Function().Matches(Comment().Replace(paragraph, " ")))
            {
                string list = match.Groups["parameters"].Value.Trim();
                yield return new CFunction(match.Groups["result"].Value.Trim(), match.Groups["name"].Value,
                    list is "void" or "" ? [] : [.. list.Split(',').Select(Variable)], hasComment);
            }
        }
    }

    private static CVariable Variable(string declaration)
    {
        Match match = Declaration().Match(declaration.Trim());
        string type = string.Join(' ', match.Groups["type"].Value
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(word => word != "const"));
        return new CVariable(type.Replace(" *", "*", StringComparison.Ordinal), match.Groups["name"].Value,
            match.Groups["length"].Success ? int.Parse(match.Groups["length"].Value, CultureInfo.InvariantCulture) : 0);
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"GB_API\s+(?<result>[\w\s\*]+?)\s*\b(?<name>gb_\w+)\s*\((?<parameters>[^)]*)\)\s*;")]
    private static partial Regex Function();

    [GeneratedRegex(@"typedef\s+struct\s+(?<name>\w+)\s*\{(?<body>[^}]*)\}")]
    private static partial Regex Struct();

    [GeneratedRegex(@"^(?<type>.*?[\s\*])(?<name>\w+)(\[(?<length>\d+)\])?$", RegexOptions.Singleline)]
    private static partial Regex Declaration();
}
