namespace Gimbal.Training;

/// <summary>Where the files of the stories task lie; relative paths start at the folder given to <see cref="StoriesTask.Load"/>.</summary>
public sealed record StoriesFiles
{
    /// <summary>Openings to train on: JSONL with <c>prompt</c> and, where known, <c>prompt_ids</c>.</summary>
    public string Prompts { get; init; } = "preference/stories_prompts.jsonl";

    /// <summary>Preference pairs over those openings, JSONL; null where the model's own continuations are ranked instead.</summary>
    public string? Pairs { get; init; } = "preference/stories260K_sentiment_pairs.jsonl";

    /// <summary>Sentiment lexicon, tab-separated: word, mean valence.</summary>
    public string Lexicon { get; init; } = "reward/vader_lexicon.txt";

    /// <summary>Stories separated by <c>&lt;|endoftext|&gt;</c>, from whose end the unseen openings are cut.</summary>
    public string Stories { get; init; } = "text/tinystories_train_2MiB.txt";
}

/// <summary>
/// Real text: a small story model continues openings, and a sentiment lexicon scores the continuation.
/// It is judged on openings that no training prompt repeats, several samples each.
/// </summary>
/// <remarks>
/// The unseen openings are cut from the stories after the 2,200th by the rule of the training prompts: 6 to 12 words, the number
/// drawn once per story; an opening that a training prompt or an earlier opening repeats is passed over. The draw is this project's
/// own, so that the openings are like those of published numbers without being the same.
/// </remarks>
public sealed class StoriesTask
{
    /// <summary>Number of unseen openings.</summary>
    public const int HeldOutCount = 78;

    /// <summary>Samples per unseen opening when judging.</summary>
    public const int SamplesPerPrompt = 4;

    /// <summary>Longest continuation in tokens when judging, at temperature 1.</summary>
    public const int MaxCompletionTokens = 64;

    private const string Separator = "<|endoftext|>";
    private const int FirstUnseenStory = 2200;
    private const int FewestWords = 6;
    private const int MostWords = 12;

    private StoriesTask(PromptDataset train, PromptDataset heldOut, PreferenceDataset? pairs, IReward reward) =>
        (Train, HeldOut, Pairs, Reward) = (train, heldOut, pairs, reward);

    /// <summary>Openings to train on, with token ids where the file gives them.</summary>
    public PromptDataset Train { get; }

    /// <summary>The <see cref="HeldOutCount"/> unseen openings, as text.</summary>
    public PromptDataset HeldOut { get; }

    /// <summary>Preference pairs over the training openings, if a file names them.</summary>
    public PreferenceDataset? Pairs { get; }

    /// <summary>Sentiment of the continuation, each distinct word counted once; see <see cref="Training.Reward.Lexicon"/>.</summary>
    public IReward Reward { get; }

    /// <summary>Reads the task from a folder.</summary>
    /// <param name="folder">Where relative paths start.</param>
    /// <param name="files">Null: the default names.</param>
    /// <exception cref="InvalidFileException">A file is absent, broken or has too few stories; names it.</exception>
    public static StoriesTask Load(string folder, StoriesFiles? files = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        files ??= new StoriesFiles();
        PromptDataset train = PromptDataset.FromJsonl(Path.Combine(folder, files.Prompts));
        return new StoriesTask(
            train,
            UnseenOpenings(Path.Combine(folder, files.Stories), train),
            files.Pairs is null ? null : PreferenceDataset.FromJsonl(Path.Combine(folder, files.Pairs)),
            Training.Reward.Lexicon(Path.Combine(folder, files.Lexicon)));
    }

    private static PromptDataset UnseenOpenings(string path, PromptDataset train)
    {
        string[] stories = TextLines.ReadText(path).Split(Separator, StringSplitOptions.TrimEntries);
        HashSet<string> seen = new(train.Select(row => row.Prompt), StringComparer.Ordinal);
        List<PromptExample> openings = [];

        // The last piece is passed over: the file may end in the middle of a story.
        for (int story = FirstUnseenStory; story < stories.Length - 1 && openings.Count < HeldOutCount; story++)
        {
            int words = FewestWords + SplitMix64.Keyed(0, (ulong)story).Below(MostWords - FewestWords + 1);
            string opening = string.Join(' ', stories[story].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(words));
            if (opening.Length > 0 && seen.Add(opening))
            {
                openings.Add(new PromptExample(opening));
            }
        }

        return openings.Count == HeldOutCount
            ? new PromptDataset(openings)
            : throw new InvalidFileException(path,
                $"gives {openings.Count} unseen openings, expected {HeldOutCount}: it has {stories.Length - 1} whole stories separated by "
                + $"{Separator}, of which those after number {FirstUnseenStory} are used. Give the file that the training openings were cut from.");
    }
}
