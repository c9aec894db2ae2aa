using Gimbal.Models;

namespace Gimbal.Training;

/// <summary>
/// Keeps what the updates of a step compute for every token, and writes it as the step's record. A trainer has one only where
/// <see cref="TrainerOptions.Record"/> asks for it: without, nothing is copied.
/// </summary>
/// <param name="tokenizer">Makes text of single tokens.</param>
/// <param name="level">Of what the ratio is.</param>
/// <param name="clip">The clip stops ratios outside 1 - Low .. 1 + High; null: the loss does not clip.</param>
internal sealed class FlightRecorder(Tokenizer tokenizer, RatioLevel level, (float Low, float High)? clip)
{
    private float[] policy = [];
    private bool[] isTaken = [];

    /// <summary>Begins a step; tokens that no update reaches have no log-probability of the policy.</summary>
    public void Begin(RolloutTokens tokens) => (policy, isTaken) = (new float[tokens.TokenCount], new bool[tokens.Count]);

    /// <summary>Takes the log-probabilities of a micro-batch, laid out as its samples.</summary>
    public void Take(RolloutTokens tokens, ReadOnlySpan<int> samples, ReadOnlySpan<float> logprobs)
    {
        int read = 0;
        foreach (int sample in samples)
        {
            Span<float> own = policy.AsSpan(tokens.TokensOf(sample));
            logprobs.Slice(read, own.Length).CopyTo(own);
            read += own.Length;
            isTaken[sample] = true;
        }
    }

    /// <summary>Writes the record of a step.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="step">The step, from 0.</param>
    /// <param name="perPrompt">Completions of a prompt.</param>
    /// <param name="rollout">Its completions and scores.</param>
    /// <param name="tokens">Log-probabilities of the old policy and the reference.</param>
    /// <param name="advantages">Of each token.</param>
    /// <param name="hasReference">False: there is no reference.</param>
    /// <param name="hasSampleAdvantages">False: a sample has no advantage as a whole.</param>
    public void Write(RunFolder run, int step, int perPrompt, Rollout rollout, RolloutTokens tokens, float[] advantages, bool hasReference, bool hasSampleAdvantages) =>
        RecordFile.Write(run.Path, step + 1, Enumerable.Range(0, tokens.Count).Select(i =>
        {
            Range range = tokens.TokensOf(i);
            float[] now = policy[range], own = advantages[range];
            float[]? ratio = isTaken[i] ? Ratios(now, tokens.Old.AsSpan(range)) : null;
            int[] ids = rollout.Sequences[i].Completion.ToArray();
            return new RolloutRecord
            {
                Group = i / perPrompt,
                Prompt = rollout.Samples[i].Prompt,
                Completion = rollout.Samples[i].Completion,
                Ended = rollout.Sequences[i].Ended,
                Reward = rollout.Scores[i],
                RewardParts = rollout.Parts.Count == 0 ? null : rollout.PartsOf(i),
                Advantage = hasSampleAdvantages ? tokens.Advantages[i] : null,
                Ids = ids,
                Tokens = [.. ids.Select(id => tokenizer.Decode([id], skipSpecial: false, continuation: true))],
                Policy = ratio is null ? null : now,
                Sampler = rollout.Sequences[i].Logprobs,
                Reference = hasReference ? tokens.Reference[range] : null,
                Advantages = own,
                Ratio = ratio,
                Clip = ratio is null || clip is null ? null : [.. ratio.Select((value, t) => Stopped(value, own[t]))],
            };
        }));

    private float[] Ratios(ReadOnlySpan<float> now, ReadOnlySpan<float> old)
    {
        float[] ratios = new float[now.Length];
        double sum = 0;
        for (int t = 0; t < ratios.Length; t++)
        {
            sum += (double)now[t] - old[t];
            ratios[t] = (float)Math.Exp((double)now[t] - old[t]);
        }

        if (level != RatioLevel.Token)
        {
            Array.Fill(ratios, (float)Math.Exp(level == RatioLevel.SequenceSum ? sum : sum / ratios.Length));
        }

        return ratios;
    }

    private int Stopped(float ratio, float advantage) =>
        ratio < 1 - clip!.Value.Low && advantage < 0 ? -1 : ratio > 1 + clip.Value.High && advantage > 0 ? 1 : 0;
}
