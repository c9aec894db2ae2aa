using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>Completions that a policy drew in one step, their scores, and the log-probabilities that the sampler recorded.</summary>
internal sealed class Rollout
{
    private readonly GeneratedSequence[] sequences;

    private Rollout(IReadOnlyList<GeneratedSequence> sequences, Sample[] samples) => (this.sequences, Samples) = ([.. sequences], samples);

    /// <summary>Prompt and completion of every sample; those of one prompt stand together.</summary>
    public IReadOnlyList<GeneratedSequence> Sequences => sequences;

    /// <summary>The same as text, with the prompt's columns: what a reward sees.</summary>
    public Sample[] Samples { get; }

    /// <summary>Scores; null leaves a sample out.</summary>
    public float?[] Scores { get; private set; } = [];

    /// <summary>Tokens drawn.</summary>
    public int CompletionTokens => Sequences.Sum(sequence => sequence.CompletionLength);

    /// <summary>Draws <paramref name="perPrompt"/> completions of each prompt.</summary>
    /// <param name="policy">Draws them.</param>
    /// <param name="prompts">The prompts of the step.</param>
    /// <param name="perPrompt">Completions of each.</param>
    /// <param name="sampling">How tokens are drawn.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="step">Training step; keys the draws.</param>
    /// <param name="cancellationToken">Looked at before every forward pass.</param>
    /// <param name="firstSample">Number of the first completion among those that the step draws.</param>
    public static Rollout Draw(LanguageModel policy, IReadOnlyList<PromptExample> prompts, int perPrompt, SamplingOptions sampling,
        ulong seed, long step, CancellationToken cancellationToken, long firstSample = 0)
    {
        int[][] ids = new int[prompts.Count * perPrompt][];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = i % perPrompt == 0
                ? TokenSequence.PromptIds(policy, prompts[i / perPrompt].Prompt, prompts[i / perPrompt].PromptIds)
                : ids[i - 1];
        }

        return Of(policy, prompts, perPrompt,
            policy.Generate(ids, sampling, new DrawKey(seed, (ulong)step, firstSample), cancellationToken: cancellationToken));
    }

    /// <summary>A rollout of completions drawn already.</summary>
    /// <param name="policy">Whose tokenizer makes text of them.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="perPrompt">Completions of each.</param>
    /// <param name="sequences">Those of the first prompt, then of the second, ...</param>
    public static Rollout Of(LanguageModel policy, IReadOnlyList<PromptExample> prompts, int perPrompt, IReadOnlyList<GeneratedSequence> sequences)
    {
        Sample[] samples = new Sample[sequences.Count];
        for (int i = 0; i < samples.Length; i++)
        {
            PromptExample prompt = prompts[i / perPrompt];
            GeneratedSequence sequence = sequences[i];
            samples[i] = new Sample
            {
                Prompt = prompt.Prompt,
                Completion = policy.Tokenizer.Decode(sequence.Completion, continuation: true),
                PromptIds = sequence.Tokens.AsMemory(0, sequence.PromptLength),
                CompletionIds = sequence.Tokens.AsMemory(sequence.PromptLength),
                Ended = sequence.Ended,
                Columns = prompt.Columns ?? new Dictionary<string, string>(),
            };
        }

        return new Rollout(sequences, samples);
    }

    /// <summary>What each of several rewards gave, where these were asked apart.</summary>
    public IReadOnlyList<RewardPart> Parts { get; private set; } = [];

    /// <summary>Asks the reward, and waits for it: the rollout's memory is host memory, no arena scope is open.</summary>
    public void Score(IReward reward, CancellationToken cancellationToken, RewardCalls? calls = null) =>
        Scores = (calls ?? new RewardCalls()).Ask(reward, Samples, cancellationToken);

    /// <summary>Asks the rewards of a weighted sum one by one; the score is their weighted sum, as far as they gave one.</summary>
    public void ScoreParts(IReward reward, CancellationToken cancellationToken, RewardCalls? calls = null)
    {
        calls ??= new RewardCalls();
        IEnumerable<(float Weight, IReward Reward)> rewards = reward is WeightedReward sum ? sum.Parts : [(1f, reward)];
        Parts = [.. rewards.Select(part => new RewardPart(part.Reward.Name, part.Weight, calls.Ask(part.Reward, Samples, cancellationToken)))];
        Scores = [.. Enumerable.Range(0, Samples.Length).Select(i =>
            Parts.Aggregate((float?)null, (total, part) => part.Scores[i] is { } score ? (total ?? 0) + part.Weight * score : total))];
    }

    /// <summary>Numbers of the groups whose scores are all equal; a group with fewer than two scores is one of them.</summary>
    public List<int> EqualGroups(int groupSize) =>
        [.. Enumerable.Range(0, Scores.Length / groupSize).Where(group =>
            Scores.Skip(group * groupSize).Take(groupSize).Where(score => score is not null).Distinct().Count() < 2)];

    /// <summary>Puts the groups of another scored rollout in the place of the groups of these numbers.</summary>
    public void Replace(IReadOnlyList<int> groups, Rollout others, int groupSize)
    {
        for (int i = 0; i < groups.Count; i++)
        {
            int from = i * groupSize, to = groups[i] * groupSize;
            Array.Copy(others.sequences, from, sequences, to, groupSize);
            Array.Copy(others.Samples, from, Samples, to, groupSize);
            Array.Copy(others.Scores, from, Scores, to, groupSize);
            for (int part = 0; part < Parts.Count; part++)
            {
                Array.Copy(others.Parts[part].Scores, from, Parts[part].Scores, to, groupSize);
            }
        }
    }

    /// <summary>What each reward adds to the score of a sample, by name; rewards of one name together.</summary>
    public Dictionary<string, float> PartsOf(int sample)
    {
        Dictionary<string, float> parts = [];
        foreach (RewardPart part in Parts)
        {
            parts[part.Name] = parts.GetValueOrDefault(part.Name) + part.Weight * (part.Scores[sample] ?? 0);
        }

        return parts;
    }

    /// <summary>Keeps a few samples for the reader of the run.</summary>
    public void Keep(TrainingRun run, int step, ReadOnlySpan<float> advantages)
    {
        const int Kept = 8;
        for (int i = 0; i < Math.Min(Kept, Samples.Length); i++)
        {
            run.KeepSample(new SampleRecord(step + 1, Samples[i].Prompt, Samples[i].Completion, Scores[i],
                advantages.IsEmpty ? null : advantages[i], Sequences[i].CompletionLength));
        }
    }

    /// <summary>Writes the lengths of the completions to the metrics.</summary>
    public void Describe(MetricRow metrics)
    {
        metrics[MetricNames.MeanLength] = (double)CompletionTokens / Sequences.Count;
        metrics[MetricNames.MinLength] = Sequences.Min(sequence => sequence.CompletionLength);
        metrics[MetricNames.MaxLength] = Sequences.Max(sequence => sequence.CompletionLength);
        metrics[MetricNames.ClippedRatio] = (double)Sequences.Count(sequence => !sequence.Ended) / Sequences.Count;
    }
}
