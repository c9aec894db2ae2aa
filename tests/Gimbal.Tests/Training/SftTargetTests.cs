using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests.Training;

/// <summary>What supervised fine-tuning looks at, and the noise it may add.</summary>
public sealed class SftTargetTests : IDisposable
{
    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    [Fact]
    public void EveryTurnOfTheAssistantIsLearntAndNothingElse()
    {
        const string Row = """{"messages":[{"role":"system","content":"Add."},{"role":"user","content":"1+1="},{"role":"assistant","content":"2"},{"role":"user","content":"2+2="},{"role":"assistant","content":"4"}]}""";
        using TemporaryFile file = new(Row);
        CompletionExample example = CompletionDataset.FromJsonl(file.Path)[0];
        Assert.Equal(example.Prompt + example.Completion, string.Concat(example.Pieces!.Select(piece => piece.Text)));
        CharacterTokenizer tokenizer = new(" .:+=\n0123456789AUadeinrsty", bos: null);
        using LanguageModel model = new(subject.Model().Config with { VocabularySize = tokenizer.VocabularySize, MaxPositions = 256 }, tokenizer, subject.Device);

        TokenSequence dialogue = TokenSequence.Of(model, example.Pieces!);
        TokenSequence last = TokenSequence.Of(model, example.Prompt, example.Completion, null, null);

        Assert.Equal(last.Tokens, dialogue.Tokens);
        int[] learnt = [.. dialogue.Tokens.Where((_, t) => dialogue.Learnt![t])];
        Assert.Equal(" 2 4", tokenizer.Decode(learnt.AsSpan(0, 4)));
        Assert.Equal((5, model.EndIds[0]), (learnt.Length, learnt[4]));
        Assert.Equal(dialogue.LossTokens, learnt.Length);
        Assert.Equal(2, dialogue.CutTo(dialogue.Tokens.Length - 3).LossTokens);
    }

    [Fact]
    public void RowsOfABatchAreThoseBeforeTheTokensLearnt()
    {
        TokenBatch batch = new();
        batch.Add([1, 2, 3, 4, 5], promptLength: 1, learnt: [false, true, false, false, true]);
        batch.Add([6, 7, 8], promptLength: 2);
        using Arena arena = new(subject.Device, 1 << 16);
        batch.Upload(arena);
        Assert.Equal([0, 3, 5], batch.Rows.ToArray<int>());
        Assert.Equal([2, 5, 8], batch.HostTargets.ToArray());
        Assert.Equal([0, 2, 3], batch.LossStarts.ToArray());
    }

    // Every token of the example is another one, so that its noise can be put into the embedding table instead.
    [Fact]
    public void TheNoiseIsAddedToTheEmbeddings()
    {
        int[] tokens = [3, 1, 4, 5, 9, 2];
        CompletionDataset data = new([new CompletionExample("", "", tokens[..2], tokens[2..])]);
        MetricRow noisy = new(), shifted = new();
        LanguageModel one = subject.Model(), other = subject.Model();
        Update(one, data, alpha: 5, noisy);

        TokenBatch batch = new();
        batch.Add(tokens, 2);
        using Arena arena = new(subject.Device, 1 << 20);
        Tensor table = other.Store.Find("model.embed_tokens.weight")!.Value;
        int width = (int)table.Width;
        float[] noise = new EmbeddingNoise(5, seed: 0).Draw(arena, batch, 0, 0, width).ToArray<float>(), rows = table.ToArray<float>();
        for (int i = 0; i < noise.Length; i++)
        {
            rows[tokens[i / width] * width + i % width] += noise[i];
        }

        table.CopyFrom<float>(rows);
        other.Store.Touch();
        Update(other, data, alpha: 0, shifted);
        Assert.Equal(shifted[MetricNames.Loss], noisy[MetricNames.Loss]);
        Assert.Equal(shifted[MetricNames.GradNorm], noisy[MetricNames.GradNorm], 1e-6);
        Update(subject.Model(), data, alpha: 0, shifted);
        Assert.NotEqual(shifted[MetricNames.Loss], noisy[MetricNames.Loss]);
    }

    [Fact]
    public void TheNoiseIsUniformAndKeyedByStepAndSequence()
    {
        const int Length = 8, Width = 250, Sequences = 40;
        TokenBatch batch = new();
        for (int i = 0; i < Sequences; i++)
        {
            batch.Add(new int[Length + 1], 1);
        }

        using Arena arena = new(subject.Device, 1 << 22);
        EmbeddingNoise source = new(alpha: 3, seed: 7);
        float[] noise = source.Draw(arena, batch, 0, 5, Width).ToArray<float>();
        double bound = 3 / Math.Sqrt(Length * Width), n = noise.Length;
        Assert.All(noise, value => Assert.InRange(Math.Abs(value), 0, bound));
        // 80,000 draws: five standard errors of mean and variance.
        Assert.InRange(noise.Average(value => value / bound), -5 / Math.Sqrt(3 * n), 5 / Math.Sqrt(3 * n));
        Assert.InRange(noise.Average(value => value / bound * value / bound), 1 / 3.0 - 5 * Math.Sqrt(4 / 45.0 / n), 1 / 3.0 + 5 * Math.Sqrt(4 / 45.0 / n));
        Assert.True(noise.Distinct().Count() > 0.99 * n);
        batch.Clear();
        batch.Add(new int[Length + 1], 1);
        Assert.Equal(noise[^(Length * Width)..], source.Draw(arena, batch, Sequences - 1, 5, Width).ToArray<float>());
        Assert.NotEqual(noise[^(Length * Width)..], source.Draw(arena, batch, Sequences - 1, 6, Width).ToArray<float>());
    }

    private static void Update(LanguageModel model, CompletionDataset data, float alpha, MetricRow metrics)
    {
        using SftTrainer trainer = new(model, data, new SftOptions { BatchSize = 1, NeftuneAlpha = alpha, Optimizer = TrainerSubject.Adam });
        trainer.Update([0], metrics);
    }
}
