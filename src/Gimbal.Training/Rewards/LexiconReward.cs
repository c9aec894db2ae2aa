using System.Globalization;

namespace Gimbal.Training;

/// <summary>Sentiment of a text by a lexicon of word valences, each distinct word counted once.</summary>
internal sealed class LexiconReward : IReward
{
    private readonly Dictionary<string, double>.AlternateLookup<ReadOnlySpan<char>> valences;

    private LexiconReward(Dictionary<string, double> valences) =>
        this.valences = valences.GetAlternateLookup<ReadOnlySpan<char>>();

    public string Name => "lexicon";

    /// <summary>Reads tab-separated lines whose first two fields are a word and its mean valence; a repeated word keeps its last valence.</summary>
    public static LexiconReward Load(string path)
    {
        Dictionary<string, double> valences = new(StringComparer.Ordinal);
        foreach ((int line, ReadOnlyMemory<byte> bytes) in TextLines.Read(path))
        {
            string[] fields = TextLines.Decode(bytes, path, line).Split('\t');
            if (fields.Length < 2 || fields[0].Length == 0
                || !double.TryParse(fields[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double valence)
                || !double.IsFinite(valence))
            {
                throw new InvalidFileException(path,
                    $"expected a word, a tab and its valence as a number, found {Reward.Excerpt(string.Join('\t', fields))}", line);
            }

            valences[fields[0]] = valence;
        }

        return valences.Count > 0
            ? new LexiconReward(valences)
            : throw new InvalidFileException(path, "the lexicon has no word; expected lines of a word, a tab and its valence");
    }

    public ValueTask ScoreAsync(IReadOnlyList<Sample> samples, Memory<float?> scores, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, samples.Count, nameof(scores));
        for (int i = 0; i < samples.Count; i++)
        {
            ct.ThrowIfCancellationRequested();
            double sum = SumDistinct(samples[i].Completion);
            scores.Span[i] = (float)(sum / Math.Sqrt(sum * sum + 15));
        }

        return ValueTask.CompletedTask;
    }

    private double SumDistinct(string text)
    {
        ReadOnlySpan<char> lower = text.ToLowerInvariant();
        HashSet<string> seen = new(StringComparer.Ordinal);
        double sum = 0;
        int start = 0;
        for (int i = 0; i <= lower.Length; i++)
        {
            if (i < lower.Length && (char.IsAsciiLetterLower(lower[i]) || lower[i] == '\''))
            {
                continue;
            }

            if (valences.TryGetValue(lower[start..i], out string? word, out double valence) && seen.Add(word))
            {
                sum += valence;
            }

            start = i + 1;
        }

        return sum;
    }
}
