using Gimbal.Training;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Gimbal.Cli.Configuration;

/// <summary>Lays a YAML file over a configuration; errors name the file and the line.</summary>
internal static class YamlFile
{
    /// <summary>Applies every value of the file.</summary>
    /// <exception cref="InvalidConfigException">No such file, no YAML, an unknown key, or a value of the wrong type.</exception>
    public static void Apply(OptionLayers layers, string path)
    {
        if (!File.Exists(path))
            throw new InvalidConfigException("--config", $"there is no file '{path}'.");

        YamlStream stream = [];
        try
        {
            using StreamReader reader = new(path);
            stream.Load(reader);
        }
        catch (YamlException exception)
        {
            throw new InvalidConfigException($"{path}, line {exception.Start.Line}",
                $"is no YAML: {exception.InnerException?.Message ?? exception.Message}");
        }

        if (stream.Documents.Count == 0)
            return;
        if (stream.Documents[0].RootNode is not YamlMappingNode root)
            throw new InvalidConfigException(path, "must be a mapping of keys to values, as in 'train: {max_steps: 200}'.");
        Apply(layers, root, "", path);
    }

    private static void Apply(OptionLayers layers, YamlMappingNode mapping, string group, string path)
    {
        foreach ((YamlNode keyNode, YamlNode valueNode) in mapping.Children)
        {
            string source = $"{path}, line {keyNode.Start.Line}";
            if (keyNode is not YamlScalarNode { Value: { } name })
                throw new InvalidConfigException(source, "a key must be a text.");
            string key = group.Length == 0 ? name : $"{group}.{name}";
            switch (valueNode)
            {
                case YamlMappingNode inner:
                    Apply(layers, inner, key, path);
                    break;
                case YamlSequenceNode list:
                    layers.Set(key, "[" + string.Join(", ", list.Children.Select(item => item is YamlScalarNode scalar
                        ? scalar.Value : throw new InvalidConfigException(key, $"a list of plain values was wanted ({source}).")))
                        + "]", source);
                    break;
                case YamlScalarNode { Value: null or "" , Style: ScalarStyle.Plain } when !layers.Knows(key):
                    break; // an empty group
                case YamlScalarNode scalar:
                    layers.Set(key, scalar.Value, source);
                    break;
            }
        }
    }
}
