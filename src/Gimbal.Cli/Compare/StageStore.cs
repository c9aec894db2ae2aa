using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Gimbal.Training;

namespace Gimbal.Cli.Compare;

/// <summary>
/// What a stopped comparison needs to go on: each stage (SFT, the reward model, each method) has a folder of its own within the
/// run, with its trainer's run and checkpoints, and a <c>stage.json</c> once it is done.
/// </summary>
internal sealed class StageStore(RunFolder run)
{
    private const string ResultFile = "stage.json", CurveFile = "curve.json";

    /// <summary>The stage's folder.</summary>
    public string Folder(string stage) => run.File(stage);

    /// <summary>True if the stage's trainer was started before, so that it is to be resumed.</summary>
    public bool IsStarted(string stage) => File.Exists(Path.Combine(Folder(stage), "run.json"));

    /// <summary>The result of a stage that was finished before.</summary>
    public bool TryLoad<T>(string stage, JsonTypeInfo<T> type, [NotNullWhen(true)] out T? result) where T : class
    {
        string path = Path.Combine(Folder(stage), ResultFile);
        result = File.Exists(path) ? Read(path, type) : null;
        return result is not null;
    }

    /// <summary>Marks a stage as done.</summary>
    public void Save<T>(string stage, T result, JsonTypeInfo<T> type) =>
        AtomicFile.WriteText(Path.Combine(Folder(stage), ResultFile), JsonSerializer.Serialize(result, type) + "\n");

    /// <summary>Points measured before the stage was stopped.</summary>
    public List<CurvePoint> LoadCurve(string stage)
    {
        string path = Path.Combine(Folder(stage), CurveFile);
        return IsStarted(stage) && File.Exists(path) ? Read(path, StageJson.Default.ListCurvePoint) ?? [] : [];
    }

    /// <summary>Keeps the points measured so far.</summary>
    public void SaveCurve(string stage, List<CurvePoint> points) =>
        AtomicFile.WriteText(Path.Combine(Folder(stage), CurveFile), JsonSerializer.Serialize(points, StageJson.Default.ListCurvePoint) + "\n");

    private static T? Read<T>(string path, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), type);
        }
        catch (JsonException exception)
        {
            throw new InvalidFileException(path, $"is no result of a stage: {exception.Message} Remove its folder to run the stage again.", innerException: exception);
        }
    }
}

/// <summary>A finished method: its row, and its answers to the held-out prompts.</summary>
internal sealed record MethodStage(MethodResult Result, Judgement Answers);

/// <summary>The finished training of the start: what it did, and how the model was before.</summary>
internal sealed record StartStage(TrainingResult Training, IReadOnlyList<double> Losses, Proportion AccuracyBefore, double RewardBefore);

/// <summary>The finished reward model.</summary>
internal sealed record RewardModelStage(TrainingResult Training, Proportion Accuracy);

/// <summary>Source-generated serialisers of finished stages.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(MethodStage))]
[JsonSerializable(typeof(StartStage))]
[JsonSerializable(typeof(RewardModelStage))]
[JsonSerializable(typeof(List<CurvePoint>))]
internal sealed partial class StageJson : JsonSerializerContext;
