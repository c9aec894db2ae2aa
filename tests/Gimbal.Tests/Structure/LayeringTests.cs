using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Gimbal.Tests.Structure;

/// <summary>Cli -> Training -> Models -> Tensors -> Native: a project may use those below it, never one above.</summary>
public sealed partial class LayeringTests
{
    /// <summary>Projects from the bottom up, with their folders.</summary>
    private static readonly (string Name, string Folder)[] Layers =
    [
        ("Gimbal.Native", "bindings/Gimbal.Native"),
        ("Gimbal.Tensors", "src/Gimbal.Tensors"),
        ("Gimbal.Models", "src/Gimbal.Models"),
        ("Gimbal.Training", "src/Gimbal.Training"),
        ("Gimbal.Cli", "src/Gimbal.Cli"),
    ];

    [Fact]
    public void AProjectRefersOnlyDownwards()
    {
        List<string> wrong = [];
        for (int layer = 0; layer < Layers.Length; layer++)
        {
            (string name, string folder) = Layers[layer];
            XDocument project = XDocument.Load(Repository.At($"{folder}/{name}.csproj"));
            foreach (XElement reference in project.Descendants("ProjectReference"))
            {
                string target = Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/'));
                if (IndexOf(target) is int below && (below < 0 || below >= layer))
                    wrong.Add($"{name} refers to {target}");
            }
        }

        Findings.AssertNone(wrong);
    }

    [Fact]
    public void CodeNamesOnlyTheLayersBelow()
    {
        List<string> wrong = [];
        for (int layer = 0; layer < Layers.Length; layer++)
        {
            foreach (string file in Repository.Files(Layers[layer].Folder, ".cs"))
            {
                foreach (Match match in LayerName().Matches(CodeOf(file)))
                {
                    int named = IndexOf(match.Value);
                    if (named > layer || (named == 0 && layer > 1))
                        wrong.Add($"{file} names {match.Value}");
                }
            }
        }

        Findings.AssertNone(wrong);
    }

    [Fact]
    public void OnlyTensorsCallsTheBinding()
    {
        Findings.AssertNone(Layers.Skip(2).SelectMany(layer => Repository.Files(layer.Folder, ".cs"))
            .Where(file => CodeOf(file).Contains("NativeMethods", StringComparison.Ordinal)));
    }

    [Fact]
    public void CudaIsADeviceNameAndNothingElse()
    {
        Findings.AssertNone(Layers.SelectMany(layer => Repository.Files(layer.Folder, ".cs"))
            .Where(file => WithoutStrings(CodeOf(file)).Contains("cuda", StringComparison.OrdinalIgnoreCase)));
    }

    private static int IndexOf(string project) => Array.FindIndex(Layers, layer => layer.Name == project);

    private static string CodeOf(string file) => Comment().Replace(Repository.Read(file), "");

    private static string WithoutStrings(string code) => Text().Replace(code, "\"\"");

    [GeneratedRegex(@"\bGimbal\.(Native|Tensors|Models|Training|Cli)\b")]
    private static partial Regex LayerName();

    [GeneratedRegex(@"^\s*//.*$|(?<![:""])//[^""\n]*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"""(\\.|[^""\\\n])*""")]
    private static partial Regex Text();
}
