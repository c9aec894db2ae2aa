using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>How a policy did on held-out prompts.</summary>
/// <param name="Rewards">Reward of each completion, in the order of the prompts; NaN where the reward left one out.</param>
/// <param name="Texts">The completions.</param>
/// <param name="Kl">Mean over completions of the summed log-ratio to the start, in nats; an estimate of KL(policy || start).</param>
/// <param name="Entropy">Mean entropy per token, in nats.</param>
/// <param name="Length">Mean tokens of a completion, its end token included.</param>
public sealed record Judgement(IReadOnlyList<double> Rewards, IReadOnlyList<string> Texts, double Kl, double Entropy, double Length)
{
    /// <summary>Mean reward.</summary>
    public double Reward => Rewards.Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Completions with a reward of at least 1: right answers, where the reward is a verifier.</summary>
    public int Right => Rewards.Count(reward => reward >= 1);

    /// <summary>Completions judged.</summary>
    public int Count => Rewards.Count;
}

/// <summary>
/// Judges policies of one origin alike: the same held-out prompts, the same reward, the distance to the same start.
/// </summary>
public sealed class PolicyJudge : IDisposable
{
    private const int MicroBatch = 64;
    private const ulong DrawSeed = 0x4A55_4447;

    private readonly LanguageModel start;
    private readonly IReadOnlyList<PromptExample> prompts;
    private readonly IReward reward;
    private readonly int maxNewTokens;
    private readonly PolicyPass pass;

    /// <summary>Prepares to judge.</summary>
    /// <param name="start">The frozen model that all methods started from.</param>
    /// <param name="prompts">Held-out prompts.</param>
    /// <param name="reward">The judge of completions.</param>
    /// <param name="maxNewTokens">Longest completion, in tokens.</param>
    public PolicyJudge(LanguageModel start, IReadOnlyList<PromptExample> prompts, IReward reward, int maxNewTokens)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(prompts);
        (this.start, this.prompts, this.reward, this.maxNewTokens) = (start, prompts, reward, maxNewTokens);
        int longest = Math.Min(start.Config.MaxPositions, maxNewTokens +
            prompts.Max(prompt => TokenSequence.PromptIds(start, prompt.Prompt, prompt.PromptIds).Length));
        pass = new PolicyPass(start.Device, MemoryPlan.TrainingBytes(start, MicroBatch, longest));
    }

    /// <summary>The most likely completion of every prompt.</summary>
    public Judgement Greedy(LanguageModel policy) =>
        Judge(policy, prompts, 1, new SamplingOptions { Temperature = 0, MaxNewTokens = maxNewTokens }, 0);

    /// <summary>Samples at temperature 1; the draws depend on nothing but <paramref name="draw"/>.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="count">Of the first so many prompts.</param>
    /// <param name="perPrompt">Samples of each.</param>
    /// <param name="draw">Number of the draw.</param>
    public Judgement Sample(LanguageModel policy, int count, int perPrompt, long draw) =>
        Judge(policy, [.. prompts.Take(count)], perPrompt, new SamplingOptions { MaxNewTokens = maxNewTokens }, draw);

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => pass.Dispose();

    private Judgement Judge(LanguageModel policy, IReadOnlyList<PromptExample> asked, int perPrompt, SamplingOptions sampling, long draw)
    {
        Rollout rollout = Rollout.Draw(policy, asked, perPrompt, sampling, DrawSeed, draw, CancellationToken.None);
        rollout.Score(reward, CancellationToken.None);
        RolloutTokens tokens = new(rollout);
        float[] entropies = new float[tokens.TokenCount];
        pass.Logprobs(start, tokens.Sequences, 1, MicroBatch, tokens.Reference);
        pass.Logprobs(policy, tokens.Sequences, 1, MicroBatch, tokens.Weights, entropies);
        return new Judgement(
            [.. rollout.Scores.Select(score => (double?)score ?? double.NaN)],
            [.. rollout.Samples.Select(sample => sample.Completion)],
            tokens.MeanLogRatio(),
            entropies.Average(value => (double)value),
            (double)tokens.TokenCount / tokens.Count);
    }
}
