using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>How bad a finding is.</summary>
public enum FindingLevel
{
    /// <summary>Worth knowing.</summary>
    Note,

    /// <summary>The run works, and probably not as meant.</summary>
    Warning,

    /// <summary>The run cannot teach what it is for.</summary>
    Fault,
}

/// <summary>Something about a run that shows before it starts.</summary>
/// <param name="Level">How bad it is.</param>
/// <param name="Where">The key, or the file and line.</param>
/// <param name="What">What was found.</param>
/// <param name="Remedy">What to change; empty for a note.</param>
public sealed record Finding(FindingLevel Level, string Where, string What, string Remedy = "");

/// <summary>Looks at model, data and reward of a run before it starts.</summary>
public static class RunChecks
{
    /// <summary>Equal rewards of more than this share of groups are warned of.</summary>
    private const double ManyEqual = 0.5;

    /// <summary>The end token: whether there is one, and whether padding is written as it.</summary>
    public static IEnumerable<Finding> EndToken(TransformerModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.EndIds.Count == 0)
        {
            yield return new Finding(FindingLevel.Fault, "model.path", "neither config.json nor the tokenizer names an end token: targets have none, and no completion ends",
                "set eos_token_id in config.json");
        }

        foreach (int pad in new[] { model.Config.PadTokenId, model.Tokenizer.PadId }.OfType<int>().Distinct().Where(model.IsEnd))
        {
            yield return new Finding(FindingLevel.Warning, "model.path", $"the pad token is the end token ({pad}): nothing is padded here, but a system that masks " +
                "padding by its id will not learn to end", "give the tokenizer a pad token of its own (pad_token_id)");
        }
    }

    /// <summary>Examples to learn from: tokens across the boundary, ends that are cut off or missing.</summary>
    /// <param name="model">Whose tokenizer and end tokens count.</param>
    /// <param name="rows">Prompts and completions.</param>
    /// <param name="maxLength">Tokens that an example may have; 0: the model's context.</param>
    /// <param name="place">File and line of a row.</param>
    public static IEnumerable<Finding> Examples(TransformerModel model, IReadOnlyList<CompletionExample> rows, int maxLength, Func<int, string> place)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(place);
        int longest = maxLength == 0 ? model.Config.MaxPositions : Math.Min(maxLength, model.Config.MaxPositions);
        List<int> merged = [], cut = [], endless = [];
        int most = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            CompletionExample row = rows[i];
            TokenSequence sequence = TokenSequence.Of(model, row.Prompt, row.Completion, row.PromptIds, row.CompletionIds);
            if (row.PromptIds is null && row.CompletionIds is null && row.Prompt.Length > 0
                && !model.Tokenizer.Encode(row.Prompt + row.Completion).AsSpan().StartsWith(model.Tokenizer.Encode(row.Prompt)))
            {
                merged.Add(i);
            }

            if (sequence.Tokens.Length > longest)
            {
                cut.Add(i);
                most = Math.Max(most, sequence.Tokens.Length);
            }

            if (model.EndIds.Count > 0 && !model.IsEnd(sequence.Tokens[^1]))
            {
                endless.Add(i);
            }
        }

        if (merged.Count > 0)
        {
            yield return new Finding(FindingLevel.Warning, place(merged[0]), $"prompt and completion share a token at their boundary in {Of(merged, rows)}; " +
                "they are encoded apart, other than the text as a whole", "end prompts without a space and begin completions with it");
        }

        if (cut.Count > 0)
        {
            yield return new Finding(cut.Count == rows.Count ? FindingLevel.Fault : FindingLevel.Warning, place(cut[0]),
                $"{Of(cut, rows)} exceed train.max_length, {longest} tokens (the longest has {most}): they lose their end, the end token included",
                $"raise train.max_length (the model has {model.Config.MaxPositions} positions) or shorten them");
        }

        if (endless.Count > 0)
        {
            yield return new Finding(endless.Count == rows.Count ? FindingLevel.Fault : FindingLevel.Warning, place(endless[0]),
                $"the token ids of {Of(endless, rows)} do not close with an end token ({model.EndIds[0]})", "append it to completion_ids, or leave the ids out");
        }
    }

    /// <summary>Prompts to sample from: whether completions have room.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="maxNewTokens">Tokens that a completion may have.</param>
    /// <param name="place">File and line of a row.</param>
    public static IEnumerable<Finding> Prompts(TransformerModel model, IReadOnlyList<PromptExample> prompts, int maxNewTokens, Func<int, string> place)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(place);
        int room = model.Config.MaxPositions - maxNewTokens;
        int[] cramped = [.. Enumerable.Range(0, prompts.Count).Where(i => TokenSequence.PromptIds(model, prompts[i].Prompt, prompts[i].PromptIds).Length > room)];
        if (cramped.Length > 0)
        {
            yield return new Finding(FindingLevel.Warning, place(cramped[0]),
                $"{Of(cramped, prompts)} leave fewer than sampling.max_new_tokens = {maxNewTokens} of the model's {model.Config.MaxPositions} positions",
                "lower sampling.max_new_tokens or shorten the prompts");
        }
    }

    /// <summary>Draws a few groups and scores them: what the reward tells apart.</summary>
    /// <param name="model">The policy.</param>
    /// <param name="prompts">Prompts to draw for.</param>
    /// <param name="reward">The reward.</param>
    /// <param name="sampling">How completions are drawn.</param>
    /// <param name="seed">Keys the draws.</param>
    /// <param name="perPrompt">Completions of a prompt; 1: there are no groups.</param>
    public static IEnumerable<Finding> Rewards(LanguageModel model, IReadOnlyList<PromptExample> prompts, IReward reward, SamplingOptions sampling, ulong seed, int perPrompt)
    {
        ArgumentNullException.ThrowIfNull(reward);
        float?[] scores;
        GimbalException? failure = null;
        try
        {
            scores = new Sampler(model, sampling, seed).Draw(prompts, perPrompt, reward).Scores;
        }
        catch (GimbalException error)
        {
            (scores, failure) = ([], error);
        }

        if (failure is not null)
        {
            return [new Finding(FindingLevel.Fault, "reward.kind", failure.Message, "correct the reward or the columns of the data")];
        }

        List<Finding> findings = [];
        float[] given = [.. scores.OfType<float>()];
        if (given.Length < scores.Length)
        {
            findings.Add(new Finding(FindingLevel.Warning, "reward.kind", $"reward '{reward.Name}' gave no score for {scores.Length - given.Length} of {scores.Length} samples",
                "see what it leaves out, or fails on"));
        }

        if (given.Length == 0)
        {
            return findings;
        }

        RewardMoments moments = RewardMoments.Of(given);
        findings.Add(moments.StandardDeviation == 0
            ? new Finding(FindingLevel.Fault, "reward.kind", FormattableString.Invariant($"all {given.Length} samples have the reward {given[0]}: there is nothing to learn from"),
                "choose other prompts or a reward that tells completions apart, raise sampling.temperature, or fine-tune first (gimbal sft)")
            : new Finding(FindingLevel.Note, "reward.kind", FormattableString.Invariant($"mean {moments.Mean:0.000}, standard deviation {moments.StandardDeviation:0.000} over {given.Length} samples")));
        if (perPrompt > 1)
        {
            int equal = scores.Chunk(perPrompt).Count(group => group.OfType<float>().Distinct().Count() < 2);
            double share = (double)equal / prompts.Count;
            findings.Add(new Finding(share > ManyEqual ? FindingLevel.Warning : FindingLevel.Note, "grpo.group_size",
                FormattableString.Invariant($"forecast: {100 * share:0}% of groups have equal rewards and teach nothing ({equal} of {prompts.Count} groups of {perPrompt})"),
                share > ManyEqual ? "raise grpo.group_size or sampling.temperature, or choose prompts neither solved nor hopeless" : ""));
        }

        return findings;
    }

    private static string Of<T>(IReadOnlyCollection<int> rows, IReadOnlyCollection<T> all) => $"{rows.Count} of {all.Count} rows";
}
