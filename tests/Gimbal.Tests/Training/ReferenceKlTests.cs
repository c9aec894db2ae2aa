using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>The exact KL to the reference, from the hidden states of two models.</summary>
public sealed class ReferenceKlTests : IDisposable
{
    private const float Temperature = 0.8f;

    private readonly TrainerSubject subject = new();

    public void Dispose() => subject.Dispose();

    // Against all logits of both models, in double; in micro-batches of any size the same bits.
    [Fact]
    public void EveryTokenHasTheKlOfItsDistributions()
    {
        LanguageModel policy = subject.Model(), reference = subject.Model(seed: 4);
        TokenSequence[] sequences = [new([1, 2, 3, 4, 5], 2), new([7, 8, 9], 1), new([3, 3, 3, 3, 3, 3, 3, 3], 4)];
        float[] whole = Exact(policy, reference, sequences, 3);
        Assert.Equal(whole, Exact(policy, reference, sequences, 1));
        int t = 0;
        foreach (TokenSequence sequence in sequences)
        {
            double[][] p = Distributions(policy, sequence), q = Distributions(reference, sequence);
            for (int i = 0; i < p.Length; i++, t++)
            {
                Assert.Equal(p[i].Zip(q[i], (a, b) => a * Math.Log(a / b)).Sum(), whole[t], 1e-6);
            }
        }

        Assert.Equal(t, whole.Length);
        Assert.All(whole, kl => Assert.True(kl > 1e-4));
        Assert.All(Exact(policy, policy, sequences, 2), kl => Assert.Equal(0, kl));
    }

    // r_t = -beta KL_t: the KL of the rollout is the mean of its completions' sums.
    [Fact]
    public async Task TheObjectiveOfPpoCountsIt()
    {
        LanguageModel policy = subject.Model(), reference = subject.Model(seed: 4);
        PpoOptions options = TrainerInvarianceTests.PpoOptions(3) with { KlEstimator = KlEstimator.Full };
        using LanguageModel trained = policy.Clone(trainable: true);
        using PpoTrainer trainer = new(trained, subject.Scorer(), subject.Prompts, subject.Reward, options, reference: reference);
        TrainingResult result = await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);
        DataOrder order = new(subject.Prompts.Count, options.Seed);
        int[] rows = new int[options.Rollouts];
        order.Fill(0, rows);
        Rollout rollout = Rollout.Draw(policy, [.. rows.Select(row => subject.Prompts[row])], 1, options.Sampling, options.Seed, 0,
            CancellationToken.None);
        TokenSequence[] sequences = [.. rollout.Sequences.Select(sequence => new TokenSequence(sequence.Tokens, sequence.PromptLength))];
        double expected = Exact(policy, reference, sequences, 4, temperature: 1).Sum(kl => (double)kl) / sequences.Length;
        Assert.Equal(expected, result.Metrics[MetricNames.ObjectiveKl], 1e-6 * expected);
    }

    private float[] Exact(LanguageModel policy, LanguageModel reference, TokenSequence[] sequences, int microBatch,
        float temperature = Temperature)
    {
        using PolicyPass pass = new(subject.Device, 1 << 22);
        return pass.ExactKl(policy, new ReferenceKl(reference, temperature, pass.Arena), sequences, temperature, microBatch);
    }

    private double[][] Distributions(LanguageModel model, TokenSequence sequence)
    {
        TokenBatch batch = new();
        batch.Add(sequence.Tokens, sequence.PromptLength);
        using Arena arena = new(subject.Device, 1 << 22);
        batch.Upload(arena);
        Tape tape = new(arena);
        Tensor hidden = Ops.GatherRows(tape, model.Forward(tape, batch), batch.Rows);
        return [.. Ops.Linear(tape, hidden, model.Head).ToArray<float>().Chunk(model.Config.VocabularySize).Select(row =>
        {
            double[] weights = [.. row.Select(z => Math.Exp(z / Temperature))];
            double sum = weights.Sum();
            return weights.Select(weight => weight / sum).ToArray();
        })];
    }
}
