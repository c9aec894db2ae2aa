using System.Text.Json.Serialization;

namespace Gimbal.Training;

/// <summary>
/// Source-generated serialisers of the option records, names in snake_case. A source-generated deserialiser sets an absent
/// <c>init</c> property to its type's zero, not to its initialiser's value: go through <see cref="OptionLayers"/>, which lays
/// values over the complete, serialised defaults.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SftOptions))]
[JsonSerializable(typeof(RewardOptions))]
[JsonSerializable(typeof(PpoOptions))]
[JsonSerializable(typeof(DpoOptions))]
[JsonSerializable(typeof(KtoOptions))]
[JsonSerializable(typeof(GrpoOptions))]
[JsonSerializable(typeof(ControlOptions))]
[JsonSerializable(typeof(CompareOptions))]
[JsonSerializable(typeof(GenerateOptions))]
[JsonSerializable(typeof(RunOptions))]
[JsonSerializable(typeof(ModelOptions))]
[JsonSerializable(typeof(DataOptions))]
[JsonSerializable(typeof(EvalOptions))]
[JsonSerializable(typeof(RewardFunctionOptions))]
[JsonSerializable(typeof(Gimbal.Models.SamplingOptions))]
public sealed partial class OptionsJson : JsonSerializerContext;
