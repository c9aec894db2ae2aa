using System.Text.Json.Serialization;

namespace Gimbal.Training;

/// <summary>Source-generated serialisers of the small files of a run folder.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunHeader))]
[JsonSerializable(typeof(SampleRecord))]
[JsonSerializable(typeof(RolloutRecord))]
[JsonSerializable(typeof(TrainingResult))]
public sealed partial class RunJson : JsonSerializerContext;
