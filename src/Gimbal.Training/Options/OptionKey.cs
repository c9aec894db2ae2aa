using System.Globalization;
using System.Text.Json.Nodes;

namespace Gimbal.Training;

/// <summary>One key of a configuration: its name, meaning and type, and the value it has in its record's JSON.</summary>
public sealed class OptionKey
{
    private readonly JsonObject record;
    private readonly string property;

    internal OptionKey(string name, string meaning, Type type, JsonObject record, string property, string canonicalName)
    {
        (Name, Meaning, CanonicalName, this.record, this.property) = (name, meaning, canonicalName, record, property);
        Type = Nullable.GetUnderlyingType(type) ?? type;
        Default = Text;
    }

    /// <summary>Dotted name, as in <c>train.max_steps</c>.</summary>
    public string Name { get; }

    /// <summary>What it means, one sentence.</summary>
    public string Meaning { get; }

    /// <summary>Its value before anything was laid over it, as text; empty if there is none.</summary>
    public string Default { get; }

    /// <summary>Its value now, as text; empty if there is none.</summary>
    public string Text => Show(record[property]);

    /// <summary>The name it has outside a command of several trainers; what errors of <c>Validate</c> call it.</summary>
    internal string CanonicalName { get; }

    internal Type Type { get; }

    internal bool IsText => Type == typeof(string);

    /// <summary>What may stand there, in words.</summary>
    public string Wanted => Type switch
    {
        _ when IsText => "a text",
        _ when Type == typeof(bool) => "true or false",
        _ when Type == typeof(ulong) => "a whole number of at least 0",
        _ when Type == typeof(int) || Type == typeof(long) => "a whole number",
        _ when Type == typeof(float) => "a number",
        _ when Type == typeof(int[]) => "a list of whole numbers, as in [64, 64]",
        _ => "one of " + string.Join(", ", EnumNames),
    };

    private IEnumerable<string> EnumNames => Enum.GetNames(Type)
        .Select(System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName);

    /// <summary>Sets the value from text.</summary>
    /// <param name="text">The text; null or <c>null</c> empties a text key.</param>
    /// <param name="source">Where it stood, for the error.</param>
    /// <exception cref="InvalidConfigException">The text is no value of the key's type.</exception>
    internal void Set(string? text, string source) =>
        record[property] = Parse(text, out JsonNode? value) ? value
            : throw new InvalidConfigException(Name, $"'{text}' is not {Wanted} ({source}).",
                Type.IsEnum && text is not null ? Spelling.Nearest(text, EnumNames) : null);

    private bool Parse(string? text, out JsonNode? value)
    {
        value = null;
        if (IsText)
        {
            value = text is null or "" or "null" or "~" ? null : JsonValue.Create(text);
            return true;
        }

        if (text is null)
            return false;
        string number = text.Replace("_", "", StringComparison.Ordinal).Trim();
        if (Type == typeof(bool) && bool.TryParse(number, out bool flag))
            value = JsonValue.Create(flag);
        else if (Type == typeof(int) && int.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole))
            value = JsonValue.Create(whole);
        else if (Type == typeof(long) && long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long wide))
            value = JsonValue.Create(wide);
        else if (Type == typeof(ulong) && ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out ulong natural))
            value = JsonValue.Create(natural);
        else if (Type == typeof(float) && float.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out float real) && float.IsFinite(real))
            value = JsonValue.Create(real);
        else if (Type.IsEnum && EnumNames.Contains(text.Trim()))
            value = JsonValue.Create(text.Trim());
        else if (Type == typeof(int[]))
            value = ParseList(number);
        return value is not null;
    }

    private static JsonArray? ParseList(string text)
    {
        JsonArray list = [];
        foreach (string part in text.Trim('[', ']').Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(part, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole))
                return null;
            list.Add((JsonNode)whole);
        }

        return list;
    }

    private static string Show(JsonNode? node) => node switch
    {
        null => "",
        JsonArray list => "[" + string.Join(", ", list.Select(Show)) + "]",
        JsonValue value when value.GetValueKind() == System.Text.Json.JsonValueKind.String => value.GetValue<string>(),
        _ => node.ToJsonString().Replace("E-0", "e-", StringComparison.Ordinal).Replace("E", "e", StringComparison.Ordinal),
    };
}
