using System.ComponentModel;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Gimbal.Training;

/// <summary>
/// The configuration of a command: records of options with their defaults, over which files and the command line are laid,
/// value by value. Keys, their meanings and defaults come from the records; nothing is listed twice.
/// </summary>
public sealed class OptionLayers
{
    private static readonly string[] GroupOrder =
        ["task", "model", "train", "eval", "output", "seed", "device", "dtype", "threads", "reward", "sampling", "optimizer", "watch"];

    private readonly List<(Type Type, string? Prefix, JsonObject Json)> records = [];
    private readonly List<OptionKey> keys = [];
    private readonly HashSet<OptionKey> given = [];

    /// <summary>All keys, in the order of groups in which help and <c>run.yaml</c> show them.</summary>
    public IReadOnlyList<OptionKey> Keys => [.. keys.OrderBy(key => Rank(GroupOf(key)))];

    /// <summary>The keys of one trainer's options.</summary>
    public static OptionLayers Of(TrainerOptions options)
    {
        OptionLayers layers = new();
        layers.AddRecord(options, options.GetType(), null);
        return layers;
    }

    /// <summary>Adds a record.</summary>
    /// <param name="defaults">Its values where nothing else is said.</param>
    /// <param name="prefix">
    /// Null: keys by group, as in <c>train.max_steps</c>. Otherwise all its keys lie under the prefix, as in
    /// <c>grpo.max_steps</c> and <c>grpo.optimizer.learning_rate</c> of a command with several trainers, except those without
    /// a group (seed, output), which belong to the command.
    /// </param>
    public OptionLayers Add<T>(T defaults, string? prefix = null) where T : notnull
    {
        AddRecord(defaults, typeof(T), prefix);
        return this;
    }

    /// <summary>Lays a value over what is there.</summary>
    /// <param name="key">Dotted key.</param>
    /// <param name="text">The value as text; lists as <c>[a, b]</c>.</param>
    /// <param name="source">Where it stood, for errors, as in <c>run.yaml, line 3</c>.</param>
    /// <exception cref="InvalidConfigException">The key is unknown or the value is not of its type.</exception>
    /// <remarks>The settings of a <c>dialect</c> are laid under all values that are given, whichever comes first.</remarks>
    public void Set(string key, string? text, string source)
    {
        OptionKey found = Find(key, source);
        found.Set(text, source);
        given.Add(found);
        if (found.CanonicalName.EndsWith(".dialect", StringComparison.Ordinal) && found.Text is { Length: > 0 } name)
            LayUnder(Dialects.Settings(GroupOf(found), name), source);
    }

    /// <summary>Lays <c>a.b=c</c> over what is there.</summary>
    /// <exception cref="InvalidConfigException">There is no <c>=</c>, the key is unknown or the value is not of its type.</exception>
    public void Set(string assignment)
    {
        int equals = assignment.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
            throw new InvalidConfigException(assignment, "is no assignment; wanted key=value, as in train.max_steps=200.");
        Set(assignment[..equals].Trim(), assignment[(equals + 1)..].Trim(), "--set");
    }

    /// <summary>True if a key of that name exists.</summary>
    public bool Knows(string key) => keys.Exists(known => known.Name == key);

    /// <summary>True if a record of that type was added without a prefix.</summary>
    public bool Has<T>() => records.Exists(record => record.Type == typeof(T) && record.Prefix is null);

    /// <summary>The record with all layers, checked.</summary>
    /// <param name="prefix">The prefix it was added with.</param>
    /// <exception cref="InvalidConfigException">A value lies outside its range.</exception>
    public T Get<T>(string? prefix = null) where T : notnull
    {
        (Type _, string? _, JsonObject json) = records.Find(record => record.Type == typeof(T) && record.Prefix == prefix);
        T options = (T)json.Deserialize(OptionsJson.Default.GetTypeInfo(typeof(T))!)!;
        try
        {
            if (options is IOptions checkable)
                checkable.Validate();
            else if (options is Models.SamplingOptions sampling)
                sampling.Validate();
        }
        catch (InvalidConfigException exception) when (prefix is not null)
        {
            OptionKey? named = keys.Find(key => key.CanonicalName == exception.Key
                && key.Name.StartsWith(prefix + ".", StringComparison.Ordinal));
            if (named is null)
                throw;
            throw new InvalidConfigException(named.Name, exception.Message[(exception.Key.Length + 2)..]);
        }

        return options;
    }

    private void LayUnder(IEnumerable<string> settings, string source)
    {
        foreach (string setting in settings)
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            OptionKey key = Find(setting[..equals], source);
            if (!given.Contains(key))
                key.Set(setting[(equals + 1)..], source);
        }
    }

    private OptionKey Find(string key, string source)
    {
        if (keys.Find(known => known.Name == key) is { } found)
            return found;
        if (keys.Exists(known => known.Name.StartsWith(key + ".", StringComparison.Ordinal)))
        {
            throw new InvalidConfigException(key, $"is a group, not a value ({source}); its keys are " + string.Join(", ",
                Keys.Where(known => known.Name.StartsWith(key + ".", StringComparison.Ordinal)).Select(known => known.Name)) + ".");
        }

        string[] names = [.. Keys.Select(known => known.Name)];
        if (ForeignNames.Translate(key, names) is { } translated)
            throw new InvalidConfigException(key, $"is another system's name ({source}).", translated);
        if (ForeignNames.WhyNeedless(key) is { } why)
            throw new InvalidConfigException(key, $"is another system's name ({source}) and not needed: {why}. Leave it out.");
        throw new InvalidConfigException(key, $"unknown key ({source}).", NearestKey(key, names));
    }

    /// <summary>A known key that ends in the unknown one's last part, or else the one with the fewest edits between them.</summary>
    private static string? NearestKey(string key, string[] names)
    {
        string last = LastPart(key);
        return names.FirstOrDefault(name => LastPart(name) == last) ?? Spelling.Nearest(key, names)
            ?? (Spelling.Nearest(last, names.Select(LastPart)) is { } part ? names.First(name => LastPart(name) == part) : null);
    }

    private static string LastPart(string key) => key[(key.LastIndexOf('.') + 1)..];

    private void AddRecord(object defaults, Type type, string? prefix)
    {
        JsonTypeInfo info = OptionsJson.Default.GetTypeInfo(type)
            ?? throw new ArgumentException($"{type} is not listed in {nameof(OptionsJson)}.", nameof(defaults));
        JsonObject json = JsonSerializer.SerializeToNode(defaults, info)!.AsObject();
        records.Add((type, prefix, json));
        AddKeys(info, json, prefix, "");
    }

    private void AddKeys(JsonTypeInfo info, JsonObject json, string? prefix, string parent)
    {
        foreach (JsonPropertyInfo property in info.Properties)
        {
            if (!json.TryGetPropertyValue(property.Name, out JsonNode? value) || property.AttributeProvider is not MemberInfo member)
                continue;
            string group = parent.Length > 0 ? parent : (member.GetCustomAttribute<OptionGroupAttribute>()
                ?? member.DeclaringType!.GetCustomAttribute<OptionGroupAttribute>())?.Name ?? "";
            if (value is JsonObject nested)
            {
                AddKeys(OptionsJson.Default.GetTypeInfo(property.PropertyType)!, nested, prefix, property.Name);
                continue;
            }

            string canonical = Join(group, property.Name);
            if (canonical == "sampling.seed" || (prefix is not null && group.Length == 0))
                continue; // the command's own seed keys every draw
            string name = prefix is null ? canonical : Join(prefix, parent.Length > 0 ? canonical : property.Name);
            if (Knows(name))
                continue;
            keys.Add(new OptionKey(name, member.GetCustomAttribute<DescriptionAttribute>()?.Description ?? "",
                property.PropertyType, json, property.Name, canonical));
        }
    }

    private static string Join(string group, string name) => group.Length == 0 ? name : $"{group}.{name}";

    private static string GroupOf(OptionKey key) =>
        key.Name.IndexOf('.', StringComparison.Ordinal) is > 0 and int dot ? key.Name[..dot] : key.Name;

    private static int Rank(string group) => Array.IndexOf(GroupOrder, group) is >= 0 and int rank ? rank : GroupOrder.Length;
}
