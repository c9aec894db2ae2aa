using Gimbal.Models;
using Gimbal.Tensors;
using Gimbal.Training;

namespace Gimbal.Tests;

/// <summary>A reward model on labels of a Bradley-Terry judge whose rewards are known: as right as anyone can be, and no righter.</summary>
public sealed class RewardOracleTests : IDisposable
{
    private const int Arms = 8, TrainingPairs = 4000, HeldOutPairs = 4000;

    private readonly Device device = TestDevice.Open();

    public void Dispose() => device.Dispose();

    // P(a before b) = sigmoid(r_a - r_b), so that the best guess is right with probability max(P, 1 - P).
    [Fact]
    public async Task AccuracyIsTheCeilingOfBradleyAndTerry()
    {
        CharacterTokenizer tokenizer = new("01234567?", bos: null);
        using LanguageModel body = Body(tokenizer);
        using ScoreModel model = ScoreModel.From(body);
        double[] ceilings = new double[HeldOutPairs];
        PreferenceDataset heldOut = Judged(seed: 2, HeldOutPairs, ceilings);
        using RewardTrainer trainer = new(model, Judged(seed: 1, TrainingPairs, null), new RewardOptions
        {
            MaxSteps = 120,
            BatchSize = 250,
            Center = 0,
            Optimizer = new OptimizerOptions { LearningRate = 5e-3f, MaxGradientNorm = 1, Schedule = LearningRateSchedule.Linear },
        });
        await trainer.TrainAsync(cancellationToken: TestContext.Current.CancellationToken);

        (int right, int count) = trainer.Evaluate(heldOut);
        double ceiling = ceilings.Average(), error = Math.Sqrt(ceilings.Sum(p => p * (1 - p))) / count;
        Assert.InRange(ceiling, 0.6, 0.9);
        Assert.InRange(right / (double)count, ceiling - 3 * error - 0.01, ceiling + 3 * error);

        float[] scores = Scores(model);
        double shift = Enumerable.Range(0, Arms).Average(arm => scores[arm] - RewardOf(arm));
        // Some 1,000 judgements to an arm: standard errors of about 0.07.
        Assert.All(Enumerable.Range(0, Arms), arm => Assert.Equal(RewardOf(arm), scores[arm] - shift, 0.3));
    }

    private static double RewardOf(int arm) => 0.5 * (arm * 3 % Arms);

    private static PreferenceDataset Judged(int seed, int count, double[]? ceilings)
    {
        Random random = new(seed);
        return new PreferenceDataset(Enumerable.Range(0, count).Select(i =>
        {
            int a = random.Next(Arms), b = (a + 1 + random.Next(Arms - 1)) % Arms;
            double p = 1 / (1 + Math.Exp(RewardOf(b) - RewardOf(a)));
            if (ceilings is not null)
            {
                ceilings[i] = Math.Max(p, 1 - p);
            }

            return random.NextDouble() < p ? new PreferenceExample("?", $"{a}", $"{b}") : new PreferenceExample("?", $"{b}", $"{a}");
        }).ToArray());
    }

    private float[] Scores(ScoreModel model)
    {
        TokenSequence[] sequences = [.. Enumerable.Range(0, Arms).Select(arm =>
            TokenSequence.Of(model, "?", $"{arm}", null, null))];
        using Arena arena = new(device, MemoryPlan.ScoringBytes(model, Arms, 4));
        float[] scores = new float[Arms];
        new ScorePass(arena).Scores(model, sequences, Arms, scores);
        return scores;
    }

    private LanguageModel Body(CharacterTokenizer tokenizer) => new(new ModelConfig
    {
        Family = ModelFamily.Llama,
        VocabularySize = tokenizer.VocabularySize,
        HiddenSize = 16,
        IntermediateSize = 16,
        Layers = 1,
        QueryHeads = 2,
        KeyValueHeads = 1,
        HeadDim = 8,
        MaxPositions = 8,
    }, tokenizer, device, seed: 3);
}
