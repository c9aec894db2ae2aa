using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gimbal.Training;

/// <summary>Mean and standard deviation of a reward model's scores on completions of its training data: what standardises them.</summary>
/// <param name="Mean">Mean.</param>
/// <param name="StandardDeviation">Standard deviation (ddof 1), not negative.</param>
public sealed record RewardMoments(double Mean, double StandardDeviation)
{
    /// <summary>Name of their file in a reward model's folder.</summary>
    public const string FileName = "reward.json";

    /// <summary>Moments of some scores.</summary>
    public static RewardMoments Of(ReadOnlySpan<float> scores)
    {
        double sum = 0, squares = 0;
        foreach (float score in scores)
        {
            sum += score;
        }

        double mean = sum / Math.Max(1, scores.Length);
        foreach (float score in scores)
        {
            squares += (score - mean) * (score - mean);
        }

        return new RewardMoments(mean, Math.Sqrt(squares / Math.Max(1, scores.Length - 1)));
    }

    /// <summary>(score - mean) / standard deviation; where the scores of the data were all equal, score - mean.</summary>
    public float Standardize(float score) => (float)((score - Mean) / (StandardDeviation > 0 ? StandardDeviation : 1));

    /// <summary>Reads <see cref="FileName"/> from a reward model's folder.</summary>
    /// <exception cref="InvalidFileException">There is none, or it holds no moments.</exception>
    public static RewardMoments Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            throw new InvalidFileException(path, "there is no such file: standardised scores need the moments that `gimbal reward` writes. " +
                "Train the reward model again, or set reward.standardize to false.");
        }

        try
        {
            JsonNode? json = JsonNode.Parse(File.ReadAllText(path));
            RewardMoments moments = new((double)json!["mean"]!, (double)json["standard_deviation"]!);
            return double.IsFinite(moments.Mean) && double.IsFinite(moments.StandardDeviation) && moments.StandardDeviation >= 0
                ? moments
                : throw new JsonException("a moment lies outside its range");
        }
        catch (Exception error) when (error is JsonException or NullReferenceException or InvalidOperationException or FormatException)
        {
            throw new InvalidFileException(path, $"holds no mean and standard_deviation: {error.Message}", innerException: error);
        }
    }

    /// <summary>Writes <see cref="FileName"/> into an existing folder.</summary>
    public void Save(string folder) => AtomicFile.WriteText(Path.Combine(folder, FileName), string.Create(CultureInfo.InvariantCulture,
        $"{{ \"mean\": {Mean:R}, \"standard_deviation\": {StandardDeviation:R} }}\n"));
}
