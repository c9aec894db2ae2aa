using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Cli.Commands;

/// <summary>What <c>gimbal doctor --config</c> looks at: the model, a part of the data, the reward on a few samples, the memory.</summary>
internal static class RunDoctor
{
    private const int RowsLookedAt = 2000, GroupsDrawn = 8, SamplesDrawn = 32;

    /// <summary>All findings, in the order in which a run would meet them.</summary>
    public static IReadOnlyList<Finding> Check(CommandContext context, ConfiguredCommand command)
    {
        OptionLayers layers = context.Layers;
        ulong seed = ulong.Parse(layers.Keys.First(key => key.Name == "seed").Text, System.Globalization.CultureInfo.InvariantCulture);
        List<Finding> findings = [];
        using Device device = context.OpenDevice();
        using (LanguageModel model = TrainingInputs.Model(layers, device, seed))
        {
            findings.AddRange(RunChecks.EndToken(model));
            if (layers.Has<RewardFunctionOptions>())
                findings.AddRange(Prompts(layers, device, model, seed));
            else
                findings.AddRange(RunChecks.Examples(model, Examples(layers, seed), MaxLength(layers), Place(layers)));
        }

        findings.Add(Memory(context, command, device));
        return findings;
    }

    private static IEnumerable<Finding> Prompts(OptionLayers layers, Device device, LanguageModel model, ulong seed)
    {
        using TrainingJob job = new() { Task = "" };
        (PromptDataset train, _, IReward reward) = TrainingInputs.Prompts(layers, device, seed, job);
        (SamplingOptions sampling, int perPrompt) = layers.Has<GrpoOptions>()
            ? (layers.Get<GrpoOptions>().Sampling, layers.Get<GrpoOptions>().GroupSize) : (layers.Get<PpoOptions>().Sampling, 1);
        PromptExample[] rows = layers.Get<DataOptions>().Task is null
            ? [.. PromptDataset.FromJsonl(layers.Get<DataOptions>().Data!).Take(RowsLookedAt)] : [.. train.Take(RowsLookedAt)];
        int[] drawn = new int[Math.Min(perPrompt == 1 ? SamplesDrawn : GroupsDrawn, train.Count)];
        new DataOrder(train.Count, seed).Fill(0, drawn);
        return [.. RunChecks.Prompts(model, rows, sampling.MaxNewTokens, Place(layers)),
            .. RunChecks.Rewards(model, [.. drawn.Select(row => train[row])], reward, sampling, seed, perPrompt)];
    }

    /// <summary>Everything that the trainer would learn from, as examples; of a pair both sides.</summary>
    private static CompletionExample[] Examples(OptionLayers layers, ulong seed)
    {
        if (layers.Has<SftOptions>())
            return [.. TrainingInputs.Completions(layers, seed, RowsLookedAt).Take(RowsLookedAt)];
        if (layers.Has<KtoOptions>())
            return [.. TrainingInputs.Labelled(layers, seed).Take(RowsLookedAt).Select(row => new CompletionExample(row.Prompt, row.Completion, row.PromptIds, row.CompletionIds))];
        IEnumerable<PreferenceExample> pairs = layers.Get<DataOptions>() is { Task: null, Data: { } file } ? PreferenceDataset.FromJsonl(file) : TrainingInputs.Pairs(layers, seed).Train;
        return [.. pairs.Take(RowsLookedAt).SelectMany(pair => new[]
        {
            new CompletionExample(pair.Prompt, pair.Chosen, pair.PromptIds, pair.ChosenIds), new CompletionExample(pair.Prompt, pair.Rejected, pair.PromptIds, pair.RejectedIds),
        })];
    }

    private static int MaxLength(OptionLayers layers) => int.Parse(layers.Keys.First(key => key.Name == "train.max_length").Text, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>File and line of a row; blank lines hold none, and a line of pairs gives two rows.</summary>
    private static Func<int, string> Place(OptionLayers layers)
    {
        DataOptions data = layers.Get<DataOptions>();
        if (data.Task is not null || data.Data is not { } file)
            return row => $"task {data.Task}, row {row + 1}";
        int perLine = layers.Has<DpoOptions>() || layers.Has<RewardOptions>() ? 2 : 1;
        return row => $"{file}:{File.ReadLines(file).Select((text, i) => (text, Line: i + 1)).Where(line => !string.IsNullOrWhiteSpace(line.text)).ElementAt(row / perLine).Line}";
    }

    // The trainer plans its memory when it is made, and refuses where it does not fit.
    private static Finding Memory(CommandContext context, ConfiguredCommand command, Device device)
    {
        try
        {
            using TrainingJob job = command.PrepareJob(context, device);
            return new Finding(FindingLevel.Note, "memory", job.Memory!.ToString());
        }
        catch (GimbalException error) when (error is not InvalidConfigException)
        {
            return new Finding(FindingLevel.Fault, "memory", error.Message, "see the message");
        }
    }
}
