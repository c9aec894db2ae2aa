using Gimbal.Models;
using Gimbal.Tensors;

namespace Gimbal.Tests;

/// <summary>Generation that holds back what it has said: which token is drawn, and that the policy's own log-probability is recorded.</summary>
public sealed class GenerationPenaltyTests : IDisposable
{
    private const float Penalty = 1.5f;

    private readonly Device device = TestDevice.Open();
    private readonly LanguageModel model;

    public GenerationPenaltyTests() => model = new LanguageModel(SharedPromptTests.Config with { TieEmbeddings = false },
        SharedPromptTests.Letters(), device, seed: 3, trainable: false);

    public void Dispose()
    {
        model.Dispose();
        device.Dispose();
    }

    // Rows of different lengths side by side, two of one prompt; each step by hand: all logits of the tokens before it.
    [Fact]
    public void TheMostLikelyTokenAfterThePenaltyIsDrawn()
    {
        int[][] prompts = [[3, 1, 4], [1, 5, 9, 2, 6, 5], [3, 1, 4]];
        IReadOnlyList<GeneratedSequence> drawn = model.Generate(prompts,
            new SamplingOptions { MaxNewTokens = 20, Temperature = 0, RepetitionPenalty = Penalty }, default);
        Assert.NotEqual(model.Generate(prompts, new SamplingOptions { MaxNewTokens = 20, Temperature = 0 }, default)[0].Tokens, drawn[0].Tokens);
        foreach (GeneratedSequence sequence in drawn)
        {
            float[,] logits = Logits(sequence.Tokens);
            for (int t = sequence.PromptLength; t < sequence.Tokens.Length; t++)
            {
                HashSet<int> seen = [.. sequence.Tokens.AsSpan(0, t)];
                float[] row = [.. Enumerable.Range(0, 26).Select(id => Penalized(logits[t - 1, id], seen.Contains(id)))];
                Assert.Equal(row.AsSpan().IndexOf(row.Max()), sequence.Tokens[t]);
            }
        }
    }

    [Fact]
    public void ThePolicysOwnLogProbabilityIsRecorded()
    {
        SamplingOptions sampling = new() { MaxNewTokens = 30, Temperature = 0.8f, TopK = 9, RepetitionPenalty = Penalty };
        GeneratedSequence drawn = model.Generate([[3, 1, 4]], sampling, new DrawKey(7, 1, 0))[0];
        TokenBatch batch = new();
        batch.Add(drawn.Tokens, drawn.PromptLength);
        using Arena arena = new(device, 1 << 22);
        batch.Upload(arena);
        Tape tape = new(arena);
        (Tensor logprob, _) = Ops.LinearLogprob(arena, Ops.GatherRows(tape, model.Forward(tape, batch), batch.Rows), model.Head, batch.Targets, 0.8f);
        Assert.Equal(logprob.ToArray<float>(), drawn.Logprobs);
    }

    private static float Penalized(float logit, bool isSeen) => !isSeen ? logit : logit < 0 ? logit * Penalty : logit / Penalty;

    private float[,] Logits(int[] tokens)
    {
        TokenBatch batch = new();
        batch.Add(tokens, 1);
        using Arena arena = new(device, 1 << 22);
        batch.Upload(arena);
        Tape tape = new(arena);
        float[] flat = Ops.Linear(tape, model.Forward(tape, batch), model.Head).ToArray<float>();
        float[,] rows = new float[tokens.Length - 1, 26];
        Buffer.BlockCopy(flat, 0, rows, 0, flat.Length * sizeof(float));
        return rows;
    }
}
